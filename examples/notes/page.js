/** The page with all notes, newest first. */
export function page(notes) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Notes</title>
<style>
  :root { color-scheme: light dark; --line: light-dark(#e4d9cb, #3b342d); --accent: light-dark(#a4561b, #e8a468) }
  body { font: 1.05rem/1.55 system-ui, sans-serif; max-width: 38rem; margin: 3rem auto; padding: 0 1.25rem;
    background: light-dark(#faf6f0, #1d1a17); color: light-dark(#3a2f26, #e9dfd3) }
  form { display: flex; gap: .5rem; margin: 0 0 2rem }
  input, button { font: inherit; padding: .55rem .8rem; border: 1px solid var(--line); border-radius: .5rem;
    background: light-dark(#fff, #28231f); color: inherit }
  input { flex: 1; min-width: 0 }
  form button { background: var(--accent); border-color: transparent; color: light-dark(#fff, #1d1a17) }
  ul { list-style: none; margin: 0; padding: 0 }
  li { display: flex; gap: 1rem; align-items: baseline; padding: .7rem 0; border-top: 1px solid var(--line) }
  li span { flex: 1; white-space: pre-wrap; overflow-wrap: anywhere }
  time { font-size: .8rem; opacity: .6 }
  li button { border: 0; background: none; padding: 0 .3rem; color: var(--accent); cursor: pointer }
</style>
<h1>Notes</h1>
<form method="post" action="/notes">
  <input name="text" placeholder="A new note" required autofocus autocomplete="off" aria-label="A new note">
  <button>Add</button>
</form>
<ul>${notes.map(item).join('')}</ul>
${notes.length ? '' : '<p>Nothing here yet. What you write stays, however long this app sleeps.</p>'}
<script>
  for (const button of document.querySelectorAll('[data-id]'))
    button.onclick = async () => {
      await fetch('/notes/' + button.dataset.id, { method: 'DELETE' })
      location.reload()
    }
</script>
</html>
`
}

function item({ id, text, created }) {
  const when = created.slice(0, 16).replace('T', ' ')
  return `
  <li><span>${escape(text)}</span> <time>${when}</time> <button data-id="${id}" aria-label="Delete">✕</button></li>`
}

function escape(text) {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}
