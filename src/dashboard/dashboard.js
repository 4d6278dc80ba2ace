const login = document.querySelector('#login')
const message = document.querySelector('#message')
const table = document.querySelector('#apps')
const summary = document.querySelector('#summary')
const refreshEvery = 2_000

async function call(method, path) {
  const response = await fetch(path, {
    method,
    headers: { authorization: `Bearer ${sessionStorage.getItem('token')}` },
  })
  if (response.status === 401) {
    sessionStorage.removeItem('token')
    askForToken()
    throw new Error('This token is not accepted.')
  }
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.detail)
  return answer
}

function askForToken() {
  login.hidden = false
  table.hidden = true
  summary.textContent = ''
}

async function refresh() {
  try {
    const { apps } = await call('GET', '/v1/apps')
    show(apps)
    message.textContent = ''
  } catch (error) {
    message.textContent = error.message
  }
}

function show(apps) {
  const awake = apps.filter(app => app.state === 'awake').length
  summary.textContent = `${apps.length} ${apps.length === 1 ? 'app' : 'apps'}, ${awake} awake`
  table.hidden = apps.length === 0
  table.tBodies[0].replaceChildren(...apps.map(row))
}

function row(app) {
  const link = element('a', app.name)
  link.href = app.url
  const state = element('span', app.state)
  state.className = 'state'
  state.dataset.state = app.state
  state.title = app.failure?.message ?? ''
  const verb = app.state === 'awake' || app.state === 'frozen' ? 'sleep' : 'wake'
  const move = element('button', verb)
  move.disabled = app.release === null
  move.addEventListener('click', async () => {
    move.disabled = true
    await call('POST', `/v1/apps/${app.name}/${verb}`).catch(error => {
      message.textContent = error.message
    })
    await refresh()
  })
  const cells = [link, state, app.release ?? '–', app.runtime ?? '–', ago(app.lastUsedAt), move]
  const tr = document.createElement('tr')
  for (const content of cells) {
    const td = document.createElement('td')
    td.append(content)
    tr.append(td)
  }
  return tr
}

function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

function ago(time) {
  if (!time) return 'not since the start'
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  return `${Math.floor(seconds / 3600)} h ago`
}

login.addEventListener('submit', event => {
  event.preventDefault()
  sessionStorage.setItem('token', document.querySelector('#token').value.trim())
  login.hidden = true
  refresh()
})

if (sessionStorage.getItem('token')) refresh()
else askForToken()
setInterval(() => {
  if (sessionStorage.getItem('token') && !document.hidden) refresh()
}, refreshEvery)
