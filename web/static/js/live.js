// Keeps the part of a page that changes up to date, and counts a download window down.

const FIRST_WAIT = 1500;
const LONGEST_WAIT = 10000;
const GROWTH = 1.2;

for (const element of document.querySelectorAll("[data-live]")) follow(element);
setInterval(countDown, 1000);
anchorCountdowns(document);

function follow(element) {
  let wait = FIRST_WAIT;
  let last = "";

  async function look() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", look, { once: true });
      return;
    }
    try {
      const answer = await fetch(element.dataset.live, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return location.reload();
      if (answer.status === 404) return;
      if (answer.ok) {
        const { html, live } = await answer.json();
        if (html !== last) {
          show(html);
          wait = FIRST_WAIT;
        }
        last = html;
        if (!live) return;
      }
    } catch {
      // The network is away for a moment: ask again, ever less often.
    }
    wait = Math.min(wait * GROWTH, LONGEST_WAIT);
    setTimeout(look, wait);
  }

  function show(html) {
    // What the reader has selected or focused is not pulled away from under them.
    const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    element.innerHTML = html;
    anchorCountdowns(element);
    if (focused) element.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  setTimeout(look, wait);
}

function anchorCountdowns(root) {
  for (const element of root.querySelectorAll("[data-countdown]")) {
    element.dataset.ends = performance.now() + Number(element.dataset.countdown) * 1000;
  }
}

function countDown() {
  for (const element of document.querySelectorAll("[data-ends]")) {
    const seconds = Math.max(0, Math.round((Number(element.dataset.ends) - performance.now()) / 1000));
    element.textContent = span(seconds);
  }
}

function span(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}
