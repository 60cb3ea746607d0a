// Keeps the page of a flow as the server has it: whenever the event stream says something, the page is asked for
// again and its part about the flow is swapped. Without this script the page reloads itself.
const stream = document.querySelector("#flow").dataset.stream;
const left = new AbortController();
let wanted = false;
let asking = false;

async function refresh() {
  wanted = true;
  if (asking) return;
  asking = true;
  while (wanted && !left.signal.aborted) {
    wanted = false;
    try {
      swap(await (await fetch(location.href, { signal: left.signal })).text());
    } catch { /* the server is away; the next word of the stream asks again */ }
  }
  asking = false;
}

function swap(text) {
  const next = new DOMParser().parseFromString(text, "text/html").querySelector("#flow");
  const shown = document.querySelector("#flow");
  if (!next) return location.reload();  // signed out meanwhile
  for (const details of shown.querySelectorAll("details[open]")) {
    next.querySelector(`#${details.id}`)?.setAttribute("open", "");
  }
  const focused = document.activeElement?.closest("details")?.id;
  shown.replaceWith(next);
  if (focused) document.querySelector(`#${focused} summary`)?.focus();
  if (!next.dataset.stream) left.abort();
}

async function listen() {
  while (!left.signal.aborted) {
    try {
      const words = (await fetch(stream, { signal: left.signal })).body.getReader();
      while (!(await words.read()).done) refresh();
    } catch { /* the line broke or the flow is over */ }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

if (stream) {
  listen();
  setInterval(() => document.hidden || refresh(), 5000);  // a try that is repeated makes no event
}
