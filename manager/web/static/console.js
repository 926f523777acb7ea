// Keeps a page live. Everything works without it, too: the page's own link loads it again.
"use strict";

(() => {
  const stream = document.body.dataset.stream;
  const pulse = document.getElementById("pulse");
  const waiting = new Map(); // fragments that came while somebody selected text in the old ones
  let source = null;

  // Make `old` like `fresh`, keeping every node that can stay: so focus, scrolling, what is typed
  // and what is unfolded stay, too.
  function morph(old, fresh) {
    const keyed = new Map();
    for (const child of old.children) if (child.id) keyed.set(child.id, child);
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const named = next.id && keyed.get(next.id);
      if (named && named !== at) {
        old.insertBefore(named, at);
        at = named;
      }
      if (at && !(at.id && at.id !== next.id) && alike(at, next)) {
        renew(at, next);
        at = at.nextSibling;
      } else {
        old.insertBefore(next, at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }

  function alike(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName;
  }

  function renew(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes]) {
      const unfolded = name === "open" && old.nodeName === "DETAILS";
      if (!unfolded && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    morph(old, fresh);
  }

  function selecting(element) {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(element, true);
  }

  function show(fragments) {
    for (const [id, html] of Object.entries(fragments)) {
      const element = document.getElementById(id);
      if (!element) continue;
      if (selecting(element)) {
        waiting.set(id, html);
        continue;
      }
      waiting.delete(id);
      const fresh = document.createElement("template");
      fresh.innerHTML = html; // the server's own, escaped there; no script in it would run
      morph(element, fresh.content);
    }
    tick();
  }

  document.addEventListener("selectionchange", () => {
    if (waiting.size) show(Object.fromEntries(waiting));
  });

  function say(state, text) {
    pulse.hidden = false;
    pulse.className = state;
    if (pulse.textContent !== text) pulse.textContent = text;
  }

  function connect() {
    if (source || document.hidden) return;
    source = new EventSource(stream);
    source.onopen = () => say("live", "live");
    source.onmessage = (event) => {
      say("live", "live");
      show(JSON.parse(event.data));
      const rendered = document.getElementById("rendered");
      rendered.dateTime = new Date().toISOString();
      rendered.textContent = rendered.dateTime.slice(0, 19).replace("T", " ");
    };
    source.onerror = () => {
      say("lost", "not live: connecting again…");
      // a refusal (the session has ended, too many viewers) is final for the browser, not for us
      if (source && source.readyState === EventSource.CLOSED) {
        disconnect();
        setTimeout(connect, 15000);
      }
    };
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  // How long ago: by this clock, corrected by what the page's own time says it is off.
  const rendered = document.getElementById("rendered");
  const loaded = performance.getEntriesByType("navigation")[0];
  const skew = loaded && loaded.type !== "back_forward"
    ? Date.parse(rendered.dateTime) - (performance.timeOrigin + loaded.responseEnd)
    : 0;
  const ahead = Math.abs(skew) > 3000 ? skew : 0;

  function told(seconds) {
    const length = Math.abs(seconds);
    let text = `${Math.round(length)} s`;
    for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
      if (length >= 2 * size) {
        text = `${Math.round(length / size)} ${unit}`;
        break;
      }
    }
    return seconds >= 0 ? `${text} ago` : `in ${text}`;
  }

  function tick() {
    const now = Date.now() + ahead;
    for (const element of document.querySelectorAll("time > i.ago")) {
      const text = told((now - Date.parse(element.parentElement.dateTime)) / 1000);
      if (element.textContent !== text && !selecting(element)) element.textContent = text;
    }
  }

  setInterval(() => document.hidden || tick(), 1000);

  // "/" puts the cursor where one searches, as elsewhere.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const field = document.getElementById("q");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  });

  if (!stream) return;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      disconnect();
      say("paused", "paused");
    } else {
      connect();
    }
  });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
  connect();
})();
