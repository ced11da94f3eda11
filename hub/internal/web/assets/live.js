// News as they come, and the keyboard. Every page works without this file.
"use strict";

(() => {
  const live = document.body.dataset.live;
  if (live) follow(live);
  keyboard();

  // The key in the address has done its work: the cookie opens the links, and
  // what is not in the history cannot be found there.
  const here = new URL(location.href);
  if (here.searchParams.has("key")) {
    here.searchParams.delete("key");
    history.replaceState(null, "", here);
  }

  function follow(address) {
    const news = document.getElementById("news");
    const fresh = document.getElementById("fresh");
    const link = document.getElementById("link");
    let count = 0;
    let lostAt = null;
    const source = new EventSource(address);
    source.addEventListener("open", () => {
      if (lostAt && fresh) refresh();
      lostAt = null;
      link.hidden = true;
    });
    source.addEventListener("error", () => {
      lostAt ??= new Date();
      link.textContent = "No connection since " + lostAt.toLocaleTimeString();
      link.hidden = false;
    });
    // New rows wait behind a bar: nothing moves under the pointer.
    source.addEventListener("alert", () => {
      if (!news) return;
      count++;
      const bar = news.querySelector("a");
      bar.textContent = count === 1 ? "1 new alert" : count + " new alerts";
      const target = new URL(location.href);
      target.searchParams.delete("after");
      bar.href = target.pathname + target.search;
      news.hidden = false;
      document.title = "(" + count + ") " + document.title.replace(/^\(\d+\) /, "");
    });
    // Counts stand where they are: only their number changes.
    source.addEventListener("more", (event) => {
      const { id, count, words } = JSON.parse(event.data);
      for (const place of document.querySelectorAll(`[data-alert="${CSS.escape(id)}"]`)) {
        const cell = place.querySelector(".count");
        if (cell) cell.textContent = "\u00d7" + count;
        const number = place.querySelector("[data-count]");
        if (number) number.textContent = count;
        const more = place.querySelector(".more");
        if (more) {
          more.textContent = words;
          more.hidden = false;
        }
      }
    });
    if (fresh) source.addEventListener("beat", refresh);
    addEventListener("pagehide", () => source.close());
  }

  // Rows of hosts keep their places, so they may change where they stand.
  let refreshing = false;
  async function refresh() {
    const fresh = document.getElementById("fresh");
    if (refreshing || !fresh || fresh.contains(document.activeElement)) return;
    refreshing = true;
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const selector of ["#fresh", ".health"]) {
        const old = document.querySelector(selector);
        const now = page.querySelector(selector);
        if (old && now) old.replaceWith(document.importNode(now, true));
      }
    } catch {
      // The connection is gone; the stream's error says so.
    } finally {
      refreshing = false;
    }
  }

  function keyboard() {
    const hint = document.querySelector(".keys");
    if (hint) hint.hidden = false;
    let leading = false; // g was pressed
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea");
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (typing) {
        if (event.key === "Escape") event.target.blur();
        return;
      }
      if (leading) {
        leading = false;
        const page = { a: "/", h: "/hosts", u: "/hub" }[event.key];
        if (page) location.assign(page);
        return;
      }
      switch (event.key) {
        case "g": leading = true; break;
        case "j": move(1); break;
        case "k": move(-1); break;
        case "/": {
          const field = document.querySelector("[data-filter]");
          if (field) { event.preventDefault(); field.focus(); }
        }
      }
    });
  }

  // move takes the focus to the next row's link; Enter then opens it.
  function move(by) {
    const rows = [...document.querySelectorAll(".row")];
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.classList.contains("at"));
    const next = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
    if (at >= 0) rows[at].classList.remove("at");
    next.classList.add("at");
    const open = next.querySelector(".open");
    open.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
})();
