// While a server starts: follows its progress in plain words, offers what could start at once.
(() => {
  "use strict";

  const LOOK_EVERY_S = 10;
  const page = document.getElementById("ts-pending");
  if (!page) return;
  const get = (id) => document.getElementById(id);
  const options = JSON.parse(page.dataset.options) || {};
  const began = Date.now();
  let placed = false;
  let waiting = false;
  let over = false;

  function since() {
    if (over) return;
    const seconds = Math.floor((Date.now() - began) / 1000);
    if (seconds >= 15) {
      const shown = seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
      get("ts-since").textContent = `Waiting on this page for ${shown}.`;
    }
  }

  function note(line) {
    const item = document.createElement("li");
    item.textContent = line;
    get("ts-log").append(item);
  }

  function raw(event) {
    const told = event.raw_event;
    if (!told) return event.message || "";
    return `${told.lastTimestamp || ""} [${told.type}] ${told.reason}: ${told.message}`.trim();
  }

  function progress(percent) {
    const value = Math.max(0, Math.min(100, Number(percent) || 0));
    get("ts-progress").setAttribute("aria-valuenow", String(value));
    get("ts-bar").style.width = `${value}%`;
  }

  function plain(event) {
    if (event.message) return event.message;
    const holder = new DOMParser().parseFromString(event.html_message || "", "text/html");
    return holder.body.textContent.trim();
  }

  function show(event) {
    if (event.progress !== undefined) progress(event.progress);
    const words = plain(event).replace(/^Spawn failed: */, "");
    if (words && get("ts-now").textContent !== words) get("ts-now").textContent = words;
    const line = raw(event);
    if (line) note(line);
    const reason = event.raw_event && event.raw_event.reason;
    if (reason === "Scheduled") { placed = true; propose(null); }
    if (reason === "FailedScheduling" && !placed && !waiting) { waiting = true; look(); }
    if (event.ready) { over = true; stream.close(); window.location.reload(); }
    if (event.failed) failed();
  }

  function failed() {
    over = true;
    stream.close();
    page.classList.add("ts-failed");
    get("ts-heading").textContent = "Your server could not be started";
    document.title = document.title.replace("Starting", "Not started");
    get("ts-since").textContent = "";
    get("ts-lead").textContent = "";
    get("ts-take").textContent = "Take it";
    get("ts-again").textContent = "Choose again";
    get("ts-details").open = true;
    look();
  }

  // The offer that was chosen, as the hub judges it now; its alternative is the nearest that fits.
  const mine = (offer) => offer.slug === options.profile
    && Object.entries(offer.options).every(([name, value]) => (options[name] || value) === value)
    && (!options.team || !offer.team || options.team === offer.team);

  async function look() {
    const token = (window.jhdata && window.jhdata.xsrf_token) || "";
    try {
      const answer = await fetch(page.dataset.offers, {
        headers: { Accept: "application/json", "X-XSRFToken": token }, cache: "no-store",
      });
      if (!answer.ok) return;
      const { offers } = await answer.json();
      const offer = offers.find(mine);
      if (!offer) return;
      get("ts-which").textContent = offer.title;
      propose(!placed && (waiting || over) ? offer.alternative : null);
    } catch (trouble) {
      // the hub is away for a moment; the stream says so when it stays away
    }
  }

  function propose(other) {
    get("ts-instead").hidden = !other;
    if (!other) return;
    get("ts-other").textContent = other.title;
    const aloud = `${other.title} can start now.`;
    if (get("ts-said").textContent !== aloud) get("ts-said").textContent = aloud;
    const fields = [["profile", other.slug],
      ...Object.entries(other.options).map(([name, value]) => [`profile-option-${other.slug}--${name}`, value])];
    get("ts-fields").replaceChildren(...fields.map(([name, value]) => {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = value;
      return input;
    }));
  }

  const stream = new EventSource(page.dataset.progress);
  stream.onmessage = (message) => show(JSON.parse(message.data));
  stream.onerror = () => {
    if (!over) note("The hub does not answer; trying again.");
  };
  setInterval(since, 1000);
  setInterval(() => { if (!document.hidden && !placed) look(); }, LOOK_EVERY_S * 1000);
  look();
  // JupyterHub's own pages say this to its tests
  window._jupyterhub_page_loaded = true;
})();
