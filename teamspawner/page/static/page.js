// Keeps the spawn page true while it is open: fetches it again, changes what changed, and says so.
// What the person has chosen is never changed from here, and old numbers never look new.
(() => {
  "use strict";

  const EVERY_S = 5;
  const SLOWEST_S = 60;
  const PATIENCE_S = 10;
  const OLD_S = 30;
  const QUIET_S = 20;
  const UNKNOWN_S = 120;

  const root = document.getElementById("teamspawner");
  if (!root) return;
  const form = root.closest("form");
  const said = document.getElementById("ts-said");
  const said_age = () => document.getElementById("ts-age");
  const start = () => root.querySelector(".ts-button");

  // ---- What is seen now

  const seen = (element) => element.getClientRects().length > 0;
  const chosen = () => root.querySelector(".ts-pick:checked");
  const text = (element) => element.textContent.replace(/\s+/g, " ").trim();

  const badge = (card) => [...card.querySelectorAll(".ts-badge")].find(seen);

  // Card id to the kind of its status and its words: what a change is measured by.
  function statuses() {
    const found = new Map();
    for (const card of root.querySelectorAll(".ts-card")) {
      const now = badge(card);
      if (!now) continue;
      const title = text(card.querySelector(".ts-title"));
      found.set(card.id, { kind: now.className, words: `${title}: ${text(now.lastChild)}` });
    }
    return found;
  }

  function say(words) {
    if (words && text(said) !== words) said.textContent = words;
  }

  // ---- The Start button

  let lost = false;

  function settle() {
    const pick = chosen();
    const stop = [...root.querySelectorAll(".ts-side .ts-stop")].find(seen);
    const off = pick && pick.closest(".ts-card").classList.contains("ts-off");
    const cannot = document.getElementById("ts-cannot");
    const can = Boolean(pick) && !stop && !off && !start().hasAttribute("aria-busy");
    start().disabled = !can;
    const none = root.querySelector(".ts-pick:not(:disabled)");
    const gone = lost ? "Something you chose is not offered any more; please look again." : "";
    const why = !none ? "Nothing can start now." : pick ? gone : gone || "Choose a server first.";
    if (cannot.textContent !== why) cannot.textContent = why;
    for (const typed of root.querySelectorAll(".ts-typed:not(.ts-always) input")) {
      typed.disabled = !seen(typed.parentElement);
    }
    return stop ? text(stop) : "";
  }

  // Take what a "nearest that fits" link names: the same fields that a form would send.
  function take(link) {
    const fields = JSON.parse(link.dataset.fields);
    for (const [name, value] of Object.entries(fields)) {
      for (const input of root.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
        if (input.type === "radio") input.checked = input.checked || (input.value === value && !input.disabled);
        else if (input.tagName === "SELECT") input.value = value;
      }
    }
    const pick = chosen();
    if (pick) pick.focus();
    changed();
  }

  function changed() {
    lost = false;
    const why = settle();
    const pick = chosen();
    if (!pick) return;
    const card = pick.closest(".ts-card");
    const now = badge(card);
    say(why || (now ? `${text(card.querySelector(".ts-title"))}: ${text(now.lastChild)}` : ""));
  }

  root.addEventListener("change", changed);
  root.addEventListener("click", (event) => {
    const link = event.target.closest(".ts-take");
    if (!link) return;
    event.preventDefault();
    take(link);
  });

  const label = start().textContent;
  function ready() {
    start().removeAttribute("aria-busy");
    start().textContent = label;
    settle();
  }
  if (form) {
    form.addEventListener("submit", () => {
      start().setAttribute("aria-busy", "true");
      start().textContent = "Starting…";
      // after this turn, so that the form is still sent
      setTimeout(() => { start().disabled = true; });
    });
    // back from the next page, by the browser's own cache
    window.addEventListener("pageshow", (event) => { if (event.persisted) { ready(); refresh(); } });
  }

  // ---- The age of the numbers

  let age = root.dataset.age === "" ? null : Number(root.dataset.age);
  let wall = Date.now();
  let steady = performance.now();
  let away = false;

  function measured(seconds) {
    age = seconds === "" ? null : Number(seconds);
    wall = Date.now();
    steady = performance.now();
  }

  // A sleeping computer stops one clock, a set clock moves the other: the larger is right.
  const since = () => Math.max(0, Date.now() - wall, performance.now() - steady) / 1000;

  function words(seconds) {
    const whole = Math.floor(seconds);
    if (whole < 120) return `${whole} s`;
    if (whole < 7200) return `${Math.floor(whole / 60)} min`;
    if (whole < 172800) return `${Math.floor(whole / 3600)} h`;
    return `${Math.floor(whole / 86400)} days`;
  }

  function tick() {
    const place = said_age();
    const total = age === null ? null : age + since();
    const old = total !== null && total >= OLD_S;
    place.classList.toggle("ts-old", old || away);
    const heard = total === null ? "cluster not seen yet" : `cluster seen ${words(total)} ago`;
    place.textContent = away ? `${heard} · the hub does not answer, trying again` : heard;
    if (total !== null && total >= UNKNOWN_S) forget();
  }

  // Too old to be worth anything: a number that may be wrong is worse than none.
  function forget() {
    if (root.classList.contains("ts-forgotten")) return;
    root.classList.add("ts-forgotten");
    for (const each of root.querySelectorAll(".ts-badge")) {
      each.className = "ts-badge ts-unknown";
      each.querySelector("span").textContent = "?";
      each.lastChild.textContent = " Not known";
    }
    for (const note of root.querySelectorAll(".ts-tile label span")) note.textContent = "not known";
    say("What is free is not known any more: the numbers are too old.");
  }

  // ---- Fetching, and changing only what changed

  const keeps = { checked: 1, selected: 1, open: 1, "aria-busy": 1 };

  function inUse(element) {
    return element.checked === true || element.selected === true;
  }

  function attributes(old, fresh) {
    for (const { name, value } of fresh.attributes) {
      if (name in keeps || (name === "value" && old.type === "text")) continue;
      // a disabled input is not sent: the hub would take its default in place of this choice
      if (name === "disabled" && inUse(old)) continue;
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!(name in keeps) && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
  }

  function adopt(fresh) {
    const node = document.importNode(fresh, true);
    if (node.querySelectorAll && chosen()) {
      for (const pick of node.querySelectorAll(".ts-pick")) pick.checked = false;
    }
    return node;
  }

  // What an element stands for. Ids that count (ts-3-0-1) move on when a card comes or goes.
  function key(element) {
    if (element.nodeType !== Node.ELEMENT_NODE) return "";
    if (element.nodeName === "OPTION") return element.getAttribute("value");
    if (element.dataset.key !== undefined) return element.dataset.key;
    return /^ts-\d/.test(element.id) ? "" : element.id;
  }

  const same = (old, fresh) => old.nodeName === fresh.nodeName && key(old) === key(fresh);

  // Make `old` like `fresh` without replacing nodes, so that focus, open menus and choices stay.
  function morph(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old === said || old.id === "ts-cannot" || old.id === "ts-age") return;
    if (old !== root) attributes(old, fresh);
    if (old.hasAttribute("aria-busy")) return;
    const left = [...old.childNodes];
    for (const child of fresh.childNodes) {
      const at = left.findIndex((each) => same(each, child));
      const mine = at < 0 ? adopt(child) : left.splice(at, 1)[0];
      const place = left.find((each) => each.parentNode === old) || null;
      if (at !== 0) old.insertBefore(mine, place);
      if (at >= 0) morph(mine, child);
    }
    for (const each of left) if (each.id !== "ts-note") each.remove();
  }

  const touched = new Set(); // cards in which this person has chosen something

  root.addEventListener("change", ({ target }) => {
    const card = target.closest(".ts-card");
    if (card) touched.add(card.id);
  });

  // A card that nobody has touched opens with what would do best now, such as the team with room.
  function preselect(fresh) {
    for (const card of fresh.querySelectorAll(".ts-card")) {
      const mine = document.getElementById(card.id);
      if (!mine || touched.has(card.id) || mine.contains(chosen())) continue;
      const twin = (each) => [...mine.querySelectorAll("select, input")].find(
        (own) => own.name === each.name && (each.type !== "radio" || own.value === each.value));
      for (const each of card.querySelectorAll("select, input[type=radio]:checked:not(.ts-pick)")) {
        const own = twin(each);
        if (!own) continue;
        if (own.type === "radio") own.checked = true;
        else own.value = each.value;
      }
    }
  }

  // What would be sent for the chosen card.
  function wanted() {
    const pick = chosen();
    if (!pick) return "";
    const fields = [...pick.closest(".ts-card").querySelectorAll("input, select")];
    const sent = fields.filter((each) => each.type !== "radio" || each.checked);
    return JSON.stringify(sent.map((each) => [each.name, each.value]));
  }

  function renew(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("teamspawner");
    if (!fresh) throw new Error("no page in the answer");
    const forgot = root.classList.contains("ts-forgotten");
    const choice = wanted();
    morph(root, fresh);
    preselect(fresh);
    lost = lost || (choice !== "" && wanted() !== choice);
    root.classList.remove("ts-forgotten");
    measured(fresh.dataset.age);
    const why = settle() || (lost ? text(document.getElementById("ts-cannot")) : "");
    const news = forgot ? [] : changes();
    if (forgot) told = statuses();
    say((why ? [why, ...news] : news).join(". "));
  }

  let told = statuses();
  let spoke = -Infinity;

  // What is other than when it was last said aloud: of the chosen server at once, of others now
  // and then, so that what goes to and fro stays unsaid and a reader is not talked over.
  function changes() {
    const pick = chosen();
    const mine = pick && pick.closest(".ts-card").id;
    const due = performance.now() - spoke >= QUIET_S * 1000;
    const own = [];
    const others = [];
    for (const [id, now] of statuses()) {
      const then = told.get(id);
      if (then && then.kind !== now.kind) (id === mine ? own : others).push(now.words);
      if (!then || id === mine || due) told.set(id, now);
    }
    if (!due || !others.length) return own;
    spoke = performance.now();
    return [...own, ...(others.length > 3 ? [`${others.length} other servers have changed`] : others)];
  }

  let wait = EVERY_S;
  let timer = 0;
  let asking = false;

  function later(seconds) {
    clearTimeout(timer);
    // not all pages of a class at the same moment
    timer = setTimeout(refresh, seconds * (0.8 + 0.4 * Math.random()) * 1000);
  }

  const token = () => (window.jhdata && window.jhdata.xsrf_token) || "";

  async function refresh() {
    if (document.hidden || asking) return;
    asking = true;
    const stop = new AbortController();
    const guard = setTimeout(() => stop.abort(), PATIENCE_S * 1000);
    try {
      const answer = await fetch(root.dataset.url, {
        headers: { Accept: "text/html", "X-XSRFToken": token() },
        cache: "no-store",
        redirect: "error",
        signal: stop.signal,
      });
      if (answer.status === 401 || answer.status === 403) { signedOut(); return; }
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      renew(await answer.text());
      away = false;
      // the hub knows how many pages are open
      wait = Number(answer.headers.get("X-TeamSpawner-Ask-Again")) || EVERY_S;
    } catch (trouble) {
      if (!away) say("The hub does not answer; trying again.");
      away = true;
      wait = Math.min(wait * 2, SLOWEST_S);
    } finally {
      clearTimeout(guard);
      asking = false;
    }
    tick();
    later(wait);
  }

  function signedOut() {
    clearInterval(clock);
    clearTimeout(timer);
    forget();
    said_age().textContent = "you are signed out: open this page again";
    say("You are signed out; open this page again.");
    said_age().classList.add("ts-old");
  }

  const clock = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { tick(); refresh(); } });
  settle();
  later(EVERY_S);
})();
