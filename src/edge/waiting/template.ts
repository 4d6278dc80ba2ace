/** The waiting page as it comes; what stands in double braces is filled in, see `page.ts`. */
export const TEMPLATE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{title}}</title>
<style nonce="{{nonce}}">
:root {
  color-scheme: light dark;
  --accent: {{colour}};
  --ground: #faf8f5;
  --ink: #2b2622;
  --soft: #766d65;
  --track: color-mix(in srgb, var(--accent) 16%, transparent);
  --fur: #c39366;
  --back: #b98252;
  --fur-dark: #905f33;
  --belly: #e6d3c2;
  --eye: #2b2622;
  --nose: #2b2622;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #171412;
    --ink: #ece5dd;
    --soft: #9c9289;
    --track: color-mix(in srgb, var(--accent) 22%, transparent);
    --fur: #91603a;
    --back: #7c522e;
    --fur-dark: #664325;
    --belly: #d3b294;
    --eye: #14110f;
    --nose: #43301f;
  }
}
* { box-sizing: border-box; margin: 0 }
body {
  min-height: 100vh;
  min-height: 100svh;
  display: grid;
  grid-template-rows: 1fr auto;
  justify-items: center;
  padding: 2rem 1.5rem 1.25rem;
  background: var(--ground);
  color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  text-align: center;
  -webkit-font-smoothing: antialiased;
}
main { align-self: center; width: 100%; max-width: 25rem; padding-bottom: 6vh }
.picture {
  display: block;
  overflow: visible;
  width: 11rem;
  height: 8.25rem;
  margin: 0 auto 1.75rem;
}
.icon { font-size: 4.5rem; line-height: 8.25rem }
.icon:empty, .icon:not(:empty) + .picture { display: none }
.icon:not(:empty) { height: 8.25rem; margin-bottom: 1.75rem }
h1 {
  font-size: 1.5rem;
  font-weight: 600;
  line-height: 1.3;
  letter-spacing: -0.01em;
  overflow-wrap: anywhere;
  text-wrap: balance;
}
.message { margin-top: 0.5rem; color: var(--soft); overflow-wrap: anywhere; text-wrap: balance }
.message:empty { display: none }
.track {
  height: 4px;
  margin: 2rem auto 0.75rem;
  max-width: 16rem;
  border-radius: 2px;
  background: var(--track);
  overflow: hidden;
}
.bar {
  height: 100%;
  width: 90%;
  border-radius: 2px;
  background: var(--accent);
  transition: width 1s linear;
  animation: fill {{expected}}s linear;
}
.status {
  min-height: 1.4em;
  font-size: 0.8125rem;
  color: var(--soft);
  font-variant-numeric: tabular-nums;
}
[data-dormice="failed"] :is(.track, .status, .z) { display: none }
.again:not([hidden]) {
  display: inline-block;
  margin-top: 1.5rem;
  padding: 0.4rem 1.1rem;
  border-radius: 999px;
  background: var(--track);
  color: inherit;
  text-decoration: none;
}
.again:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
footer { font-size: 0.75rem; color: var(--soft); letter-spacing: 0.02em; opacity: 0.75 }
.breath { transform-origin: 88px 104px; animation: breathe 4.5s ease-in-out infinite }
.z {
  fill: none;
  stroke: var(--soft);
  stroke-width: 2.5;
  stroke-linecap: round;
  stroke-linejoin: round;
  opacity: 0;
  animation: rise 4.5s ease-in infinite;
}
.z + .z { animation-delay: 1.5s }
.z + .z + .z { animation-delay: 3s }
@keyframes fill { from { width: 0 } }
@keyframes breathe { 50% { transform: scale(1.025, 1.045) } }
@keyframes rise {
  0% { opacity: 0; transform: translate(0, 6px) }
  30% { opacity: 0.8 }
  100% { opacity: 0; transform: translate(6px, -14px) }
}
@media (prefers-reduced-motion: reduce) {
  .breath, .z { animation: none }
  .z { opacity: 0.6 }
}
</style>
{{reload}}
</head>
<body>
<main>
<div class="icon" aria-hidden="true">{{icon}}</div>
<svg class="picture" viewBox="0 0 176 132" aria-hidden="true">
<ellipse cx="88" cy="116" rx="66" ry="6" fill="var(--soft)" opacity=".16"/>
<g class="breath">
<path d="M28 92c0-34 27-60 62-60s60 25 58 54c-1 18-16 29-40 29H54c-16 0-26-9-26-23z"
  fill="var(--back)"/>
<path d="M68 115c-3-16 9-31 28-31s32 12 32 22c0 6-5 9-16 9z" fill="var(--belly)"/>
<circle cx="41" cy="67" r="10" fill="var(--fur-dark)"/>
<circle cx="41" cy="68" r="6" fill="var(--belly)"/>
<path d="M22 99c3-5 5-10 8-16 5-10 15-17 28-17 16 0 28 11 28 26s-12 23-30 23H38c-11 0-20-6-16-16z"
  fill="var(--fur)"/>
<circle cx="68" cy="62" r="13" fill="var(--fur-dark)"/>
<circle cx="68" cy="63" r="8" fill="var(--belly)"/>
<path d="M45 89c3 4.5 10 4.5 13 0"
  fill="none" stroke="var(--eye)" stroke-width="2.5" stroke-linecap="round"/>
<circle cx="23" cy="99" r="3.8" fill="var(--nose)"/>
<path d="M35 101l-13 7M37 104l-10 9" stroke="var(--eye)" stroke-width="1" stroke-linecap="round"
  opacity=".4"/>
<path d="M146 90c5 18-12 27-40 26-22-1-36 1-48-1"
  fill="none" stroke="var(--fur-dark)" stroke-width="13" stroke-linecap="round"/>
</g>
<path class="z" d="M24 46h6l-6 7h6"/>
<path class="z" d="M33 31h7l-7 8h7"/>
<path class="z" d="M45 15h8l-8 9h8"/>
</svg>
<h1 data-dormice="title">{{title}}</h1>
<p class="message" data-dormice="message">{{message}}</p>
<div class="track" role="progressbar" aria-label="Waking"><div class="bar"
  data-dormice="bar"></div></div>
<p class="status" data-dormice="status" role="status">This takes about {{expected}} s</p>
<a class="again" data-dormice="again" href="" hidden>Try again</a>
</main>
<footer>Dormice</footer>
</body>
</html>
`
