/** Where a waiting page hears how the wake goes, on its app's own host. */
export const WAKING_PATH = '/.well-known/dormice/waking'

/**
 * What a waiting page runs: hears of the wake by server-sent events, or asks every two seconds where those do
 * not come through; fills `data-dormice="bar"`, `"status"` where there are such elements, and loads its
 * address anew when the app is awake. When it did not wake, it says so in `"title"` and `"message"`, shows
 * `"again"`, and the body is `data-dormice="failed"`.
 */
export const SCRIPT = `(() => {
  const at = '${WAKING_PATH}'
  const find = name => document.querySelector('[data-dormice="' + name + '"]')
  const seconds = ms => Math.max(1, Math.round(ms / 1000)) + ' s'
  const words = {
    'falling-asleep': 'It was just falling asleep, and wakes right after',
    'waiting-for-memory': 'Waiting for another app to make room',
  }
  let over = false
  const show = (text, share) => {
    const status = find('status'), bar = find('bar')
    if (status) status.textContent = text
    if (!bar) return
    bar.style.animation = 'none'
    bar.style.width = share * 100 + '%'
  }
  const hear = {
    progress({ state, elapsed, expected }) {
      const t = elapsed / expected
      // Slower and slower, and never quite there: what is expected is not known.
      const share = t < 1 ? 0.9 * t : 1 - 0.1 / t
      const of = t < 1 ? ' of about ' + seconds(expected) : ''
      show((words[state] || 'Starting') + ' · ' + seconds(elapsed) + of, share || 0)
    },
    ready() {
      if (over) return
      over = true
      show('Here it is', 1)
      location.reload()
    },
    // Not by itself again: pages that stand open would start for ever what does not start.
    failed({ text }) {
      over = true
      document.title = 'It did not wake up'
      document.body.dataset.dormice = 'failed'
      const message = find('message'), title = find('title'), again = find('again')
      show(message ? '' : text, 0)
      if (message) message.textContent = text
      if (title) title.textContent = document.title
      if (again) again.hidden = false
    },
  }
  const ask = async () => {
    if (over) return
    try {
      const answer = await fetch(at, { headers: { accept: 'application/json' }, cache: 'no-store' })
      const { event, ...data } = await answer.json()
      hear[event](data)
    } catch {}
    if (!over) setTimeout(ask, 2000)
  }
  if (!window.EventSource) return ask()
  const source = new EventSource(at)
  for (const name of Object.keys(hear)) {
    source.addEventListener(name, ({ data }) => {
      hear[name](JSON.parse(data))
      if (over) source.close()
    })
  }
  source.onerror = () => {
    source.close()
    ask()
  }
})()`
