// A function: no server, no dependencies. Dormice calls `fetch` for each request and keeps nothing running between.
export default {
  fetch(request: Request): Response {
    const { pathname } = new URL(request.url)
    const woken = howWoken(request.headers.get('x-dormice-wake'))
    if (!request.headers.get('accept')?.includes('text/html'))
      return new Response(`Hello from Dormice!\nYou asked for ${pathname}. ${woken}\n`)
    return new Response(page(escape(pathname), woken), { headers: { 'content-type': 'text/html; charset=utf-8' } })
  },
}

/** Dormice tells the first request after a sleep how the app was woken: `cold;dur=142` or `frozen;dur=9`. */
function howWoken(header: string | null): string {
  const [, from, ms] = /^(cold|frozen);dur=([\d.]+)/.exec(header ?? '') ?? []
  if (!from) return 'I was awake already.'
  return from === 'cold' ? `I was asleep; you woke me in ${ms} ms.` : `I was frozen; I thawed in ${ms} ms.`
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}

function page(path: string, woken: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hello</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1.15rem/1.6 system-ui, sans-serif; display: grid; place-content: center; min-height: 90vh; margin: 0 1.5rem;
    background: light-dark(#faf6f0, #1d1a17); color: light-dark(#3a2f26, #e9dfd3) }
  h1 { font-size: clamp(2.2rem, 8vw, 4rem); line-height: 1.1; margin: 0 0 1rem }
  p { margin: 0 } code, b { color: light-dark(#a4561b, #e8a468); font-weight: 600 }
</style>
<h1>Hello from Dormice!</h1>
<p>You asked for <code>${path}</code>.</p>
<p><b>${woken}</b></p>
</html>
`
}
