// What the page does by itself: reports clicks inside our HTML, copies, remembers ids, keeps the newest turn in view.
// Nothing here builds HTML from text, and nothing is loaded from anywhere.
(() => {
  "use strict";

  const LIBRARY = new Set(["remove", "question", "map"]);
  const store = {
    get: (key) => { try { return localStorage.getItem(key) || ""; } catch { return ""; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode: the page still works */ } },
  };

  const randomId = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  window.kbIds = () => {
    let browser = store.get("kb.browser");
    if (!/^[0-9a-f]{32}$/.test(browser)) {
      browser = randomId();
      store.set("kb.browser", browser);
    }
    return [browser, store.get("kb.chat")];
  };
  window.kbRemember = (chat) => store.set("kb.chat", chat || "");

  window.kbDownload = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const send = (name, detail) => { if (window.kbBus) window.kbBus(name, detail); };

  // A full queue refuses a question before any event of ours sees it: only the answer to the request tells.
  const fetchOnce = window.fetch.bind(window);
  window.fetch = async (...request) => {
    const response = await fetchOnce(...request);
    const url = String(request[0]?.url ?? request[0]);
    if (response.status === 503 && url.includes("/queue/join")) send("busy", {});
    return response;
  };

  const copy = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no clipboard outside a secure page: the old way
      const area = document.createElement("textarea");
      area.value = text;
      area.setAttribute("readonly", "");
      area.style.position = "fixed";
      area.style.opacity = "0";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.classList.add("is-done");
    setTimeout(() => button.classList.remove("is-done"), 1200);
  };

  const replyText = (turn) => {
    const parts = [];
    turn.querySelectorAll(".kb-statement, .kb-card").forEach((part) => {
      const clone = part.cloneNode(true);
      clone.querySelectorAll(".kb-support, .kb-sr, .kb-code-head, .kb-asks, .kb-label").forEach((node) => node.remove());
      parts.push(clone.innerText ?? clone.textContent);
    });
    return parts.map((part) => part.trim()).join("\n\n");
  };

  const narrow = () => window.matchMedia("(max-width: 900px)").matches;
  let opener = null; // what opened the sheet gets the focus back
  const sheet = (open) => {
    document.body.classList.toggle("kb-sheet-open", open);
    if (!open && opener && opener.isConnected) opener.focus();
  };

  const fields = (button) => {
    const detail = { act: button.dataset.act };
    for (const name of ["turn", "n", "s", "id"]) if (button.dataset[name]) detail[name] = button.dataset[name];
    return detail;
  };

  const onAct = (button) => {
    const detail = fields(button);
    if (detail.act === "retry") return send("ask", { turn: detail.turn });
    if (LIBRARY.has(detail.act)) {
      send("library", detail);
      if (detail.act === "remove") {
        setTimeout(() => {
          document.querySelector("#kb-confirm")?.scrollIntoView({ block: "center" });
          document.querySelector("#kb-confirm-no")?.focus({ preventScroll: true });
        }, 300);
      }
      if (detail.act === "map") {
        const tab = [...document.querySelectorAll('button[role="tab"]')].find((own) => own.textContent.trim() === "Questions");
        if (tab) tab.click();
      }
      return;
    }
    if (detail.act === "comment") {
      const input = button.parentElement.querySelector("input");
      if (!input || !input.value.trim()) return;
      detail.text = input.value;
    }
    if (detail.act === "source" || detail.act === "sources") {
      opener = button;
      if (narrow()) sheet(true);
      window.kbFocusSource = detail.act === "source" ? detail.n : "";
      setTimeout(showSource, 60);
    }
    if (detail.act === "edit") setTimeout(() => document.querySelector("#kb-box textarea")?.focus(), 250);
    send("chat", detail);
  };

  const showSource = () => {
    const n = window.kbFocusSource;
    const card = n ? document.querySelector(`#kb-sources [data-source="${Number(n)}"].is-focused`) : null;
    if (!card) return;
    window.kbFocusSource = "";
    const mark = card.querySelector("mark.is-strong") || card.querySelector("mark") || card;
    mark.scrollIntoView({ block: "center", behavior: "auto" });
    card.focus({ preventScroll: true });
  };

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const button = target?.closest("[data-act], [data-ask], [data-copy], [data-theme-toggle], [data-close-sheet]");
    if (!button) return;
    if (button.dataset.ask) {
      event.preventDefault();
      send("ask", { text: button.dataset.ask });
    } else if (button.dataset.copy === "code") {
      copy(button.closest(".kb-code").querySelector("code").textContent, button);
    } else if (button.dataset.copy === "turn") {
      copy(replyText(button.closest(".kb-turn")), button);
    } else if ("themeToggle" in button.dataset) {
      const dark = document.body.classList.toggle("dark");
      store.set("kb.theme", dark ? "dark" : "light");
    } else if ("closeSheet" in button.dataset) {
      sheet(false);
    } else {
      onAct(button);
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.body.classList.contains("kb-sheet-open")) sheet(false);
    const input = event.target instanceof Element ? event.target.closest(".kb-comment input") : null;
    if (event.key === "Enter" && input) input.parentElement.querySelector("button").click();
  });

  // The map's tooltip; its texts are set as text.
  const tip = (event) => {
    const dot = event.target instanceof Element ? event.target.closest(".kb-map circle") : null;
    const box = document.querySelector(".kb-tip");
    if (!box) return;
    box.hidden = !dot;
    if (!dot) return;
    const where = document.createElement("span");
    where.textContent = dot.dataset.where;
    box.replaceChildren(document.createTextNode(dot.dataset.tip), where);
    const frame = box.parentElement.getBoundingClientRect();
    const spot = dot.getBoundingClientRect();
    box.style.left = `${Math.min(Math.max(spot.left - frame.left + 10, 0), Math.max(frame.width - box.offsetWidth, 0))}px`;
    box.style.top = `${spot.top - frame.top + 14}px`;
  };
  document.addEventListener("mouseover", tip);

  // A new turn scrolls into view; while its statements come, the view follows unless the reader has scrolled away.
  const follow = () => {
    const box = document.querySelector("#kb-scroll");
    const live = document.querySelector("#kb-live");
    if (!box || !live || box.dataset.followed) return;
    box.dataset.followed = "1";
    let seen = "";
    let following = true;
    // Keeps the newest turn in view: its end, until its question has reached the top; then the reader reads.
    const keep = () => {
      const turn = live.querySelector(".kb-turn") || [...box.querySelectorAll("#kb-thread .kb-turn")].pop();
      const key = turn ? turn.dataset.turn : "";
      if (key !== seen) following = true;
      seen = key;
      if (!turn || !following) return;
      const top = turn.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop - 14;
      box.scrollTop = Math.min(top, box.scrollHeight - box.clientHeight);
    };
    for (const name of ["wheel", "touchmove", "keydown", "mousedown"]) {
      box.addEventListener(name, () => { following = false; }, { passive: true });
    }
    new MutationObserver(keep).observe(box, { childList: true, subtree: true, characterData: true });
    const sources = document.querySelector("#kb-sources");
    if (sources) new MutationObserver(showSource).observe(sources, { childList: true, subtree: true, attributes: true });
    live.setAttribute("role", "log");
    live.setAttribute("aria-live", "polite");
    live.setAttribute("aria-label", "Answer");
    const side = document.querySelector("#kb-side");
    if (side) side.setAttribute("aria-label", "Sources");
  };

  const start = () => {
    const theme = store.get("kb.theme");
    if (theme) document.body.classList.toggle("dark", theme === "dark");
    new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
    follow();
  };
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
})();
