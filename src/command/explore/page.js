"use strict";
// The page of `explore`. It holds one trace, asks the API for its decisions, and draws the answer. The
// address after `#` holds the trace too, so a link shows the same page.

const $ = (id) => document.getElementById(id);
let vocabulary;
let trace = { rules: [], guests: 1, rooms: 1, steps: [] };
let before = null;
const opened = new Set(["guest1/Account", "moderator/Room settings"]);

/** A new element. Texts are never markup: rules files and links may contain anything. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const register = { as: "guest1", do: "register as guest" };
const setting = (verb, to) => ({ as: "moderator", do: verb, room: "room1", to });
const message = { as: "moderator", do: "send", room: "room1", type: "m.room.message" };
const read = { as: "guest1", do: "GET /rooms/{roomId}/messages", room: "room1" };
const join = { as: "guest1", do: "join", room: "room1" };
/** Short traces for somebody who sees the page for the first time. */
const stories = [
  ["A guest reads a room that anyone may read", [register,
    setting("set history visibility", "world_readable"), message, read]],
  ["A guest is kept out of a room, then let in", [register, join,
    setting("set guest access", "can_join"), join]],
  ["A room is closed to guests: they are removed", [register,
    setting("set guest access", "can_join"), join, setting("set guest access", "forbidden")]],
  ["A room is opened late: the past stays hidden", [register, message,
    setting("set history visibility", "world_readable"), message, read]],
  ["A guest becomes an ordinary user", [register, { as: "guest1", do: "upgrade" },
    { as: "guest1", do: "GET /account/whoami" }]],
];

async function ask(path, body) {
  const answer = await fetch(path, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

function notice(text, isError = false) {
  $("notice").textContent = text;
  $("notice").classList.toggle("error", isError);
}

/** The trace in the address, or the one that the page begins with. */
function fromAddress() {
  const start = vocabulary.start;
  const fresh = { rules: start.rules, guests: start.guests, rooms: start.rooms, steps: [] };
  if (location.hash.length < 2) return fresh;
  try {
    const held = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    return { rules: held.rules, guests: held.guests, rooms: held.rooms, steps: held.steps };
  } catch {
    notice("The link is damaged, so the page begins anew.", true);
    return fresh;
  }
}

const address = () => "#" + encodeURIComponent(JSON.stringify(trace));

/** Asks for the decisions on a changed trace. If the API refuses the trace, the old one stays. */
async function show(next, keepNotice = false) {
  try {
    const answer = await ask("api/trace", next);
    trace = { ...next, guests: answer.guests, rooms: answer.rooms };
    if (location.hash !== address()) history.pushState(null, "", address());
    if (!keepNotice) notice("");
    draw(answer);
  } catch (error) {
    notice(error.message, true);
  }
  document.body.dataset.ready = "yes";
}

function draw(answer) {
  const beside = answer.sides.length === 2;
  document.body.classList.toggle("beside", beside);
  drawSettings();
  drawSteps(answer.sides);
  drawChoices(answer.choices, beside);
  drawState(answer.sides);
  drawEvents(answer.sides);
  before = answer.sides;
}

function drawSettings() {
  const options = vocabulary.rules.map((rules) => rules.name);
  for (const [id, none] of [["first", []], ["second", ["nothing"]]]) {
    $(id).replaceChildren(...[...none, ...options].map((name) => element("option", {}, name)));
  }
  $("first").value = trace.rules[0];
  $("second").value = trace.rules[1] ?? "nothing";
  $("guests").value = trace.guests;
  $("rooms").value = trace.rooms;
  const about = (name) => vocabulary.rules.find((rules) => rules.name === name)?.about ?? "";
  $("about").textContent = trace.rules.map((name) => `${name}: ${about(name)}`).join(" — ");
  $("undo").disabled = $("restart").disabled = $("save").disabled = trace.steps.length === 0;
  $("begin").hidden = trace.steps.length > 0;
}

/** A clause or a reading, which shows its text when chosen. */
function clause(id) {
  const text = vocabulary.clauses[id] ?? vocabulary.readings[id];
  if (!text) return element("code", {}, id);
  return element("button", {
    type: "button", class: "clause", title: text, "aria-expanded": "false",
    click(event) {
      const box = event.target.closest(".decision, td");
      const shown = box.querySelector(`[data-clause="${id}"]`);
      event.target.setAttribute("aria-expanded", String(!shown));
      if (shown) shown.remove();
      else box.append(element("div", { class: "clause-text", "data-clause": id }, prose(`${id}: ${text}`)));
    },
  }, id);
}

/** A text of the program as nodes: what stands between backticks is code. */
const prose = (text) => text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));

const spaced = (items) => items.flatMap((item, index) => (index ? [" ", item] : [item]));
const numbers = (steps) => steps.map((step) => step + 1).join(", ");

function decision(side, index, beside, differs) {
  const step = side.steps[index];
  const decided = step.decided;
  const verdict = decided ? decided.verdict : "cannot_happen";
  const effects = step.outcome.replace(/^(allow|deny)( \d+)?( M_\w+)?/, "").replace(/^, /, "");
  // What a homeserver does by default, also where the text permits another answer.
  const shown = decided ? decided.observed.verdict : verdict;
  const words = { allow: "allowed", deny: "denied", cannot_happen: "cannot happen here" }[shown];
  const error = shown === "deny" ? ` ${decided.status}${decided.errcode ? " " + decided.errcode : ""}` : "";
  const doubts = {
    open: "the text also permits a homeserver to decide otherwise",
    not_decided: "the rules of guest access demand nothing here; other rules decide",
  };
  return element("div", { class: differs ? "decision differs" : "decision" },
    beside ? element("span", { class: "side" }, `${side.rules}: `) : null,
    element("span", { class: `badge ${shown}` }, words + error),
    doubts[verdict] ? element("div", { class: "doubt" }, doubts[verdict]) : null,
    decided ? element("div", {}, "because ", prose(decided.because), " ", spaced(decided.clauses.map(clause))) : null,
    effects && decided ? element("div", {}, prose(effects)) : null,
    step.gives.length ? element("div", { class: "allow" }, `The answer has the event of step ${numbers(step.gives)}.`) : null,
    step.withholds.length
      ? element("div", { class: "deny" }, `The answer does not have the event of step ${numbers(step.withholds)}.`) : null,
    decided?.readings.length
      ? element("div", { class: "fine" }, "another answer is permitted too: reading ", ...spaced(decided.readings.map(clause))) : null);
}

function drawSteps(sides) {
  const beside = sides.length === 2;
  $("steps").replaceChildren(...sides[0].steps.map((step, index) => {
    const told = (side) => {
      const of = side.steps[index];
      return JSON.stringify([of.outcome, of.gives, of.withholds]);
    };
    const differs = beside && told(sides[0]) !== told(sides[1]);
    return element("li", {}, step.sentence, sides.map((side) => decision(side, index, beside, differs)));
  }));
}

const signs = { allow: "✓", deny: "✗", cannot_happen: "–" };

function choiceButton(choice) {
  const marks = choice.outcomes.map((outcome) =>
    element("span", { class: `mark ${outcome}`, title: outcome.replace("_", " ") }, signs[outcome]));
  return element("button", {
    type: "button", class: "choice",
    click: () => show({ ...trace, steps: [...trace.steps, choice.step] }),
  }, ...marks, " ", choice.label);
}

function drawChoices(actors) {
  const titles = { nobody: "somebody without a token", server: "the server", moderator: "the moderator",
    user: "an ordinary user" };
  $("actors").replaceChildren(...actors.map(({ actor, groups }) => element("div", { class: "actor" },
    element("h3", {}, titles[actor] ?? actor),
    groups.map(({ subject, choices }) => {
      const key = `${actor}/${subject}`;
      const list = element("div");
      const fill = (text = "") => list.replaceChildren(...choices
        .filter((choice) => choice.label.toLowerCase().includes(text.toLowerCase())).map(choiceButton));
      const filter = choices.length > 12
        ? element("input", { class: "filter", placeholder: "find", "aria-label": `find in ${subject}`,
          input: (event) => fill(event.target.value) }) : null;
      const group = element("details", { open: opened.has(key) ? "" : false },
        element("summary", {}, `${subject} `, element("span", { class: "fine" }, String(choices.length))),
        filter, list);
      // A group is filled when somebody opens it: there are hundreds of endpoints.
      if (group.open) fill();
      group.addEventListener("toggle", () => {
        if (group.open) { opened.add(key); fill(); } else opened.delete(key);
      });
      return group;
    }))));
}

/** The rows of the state of one side: a name and a value. */
function rows(side) {
  const rooms = side.rooms.flatMap((room) => [
    [`${room.room}: history visibility`, room.history_visibility],
    [`${room.room}: guest access`, room.guest_access],
    [`${room.room}: join rule`, room.join_rule],
    ...Object.entries(room.members).map(([who, membership]) => [`${room.room}: ${who}`, membership]),
  ]);
  return [...Object.entries(side.accounts).map(([who, account]) => [`${who}: account`, account]), ...rooms];
}

function drawState(sides) {
  const old = before && before.length === sides.length ? before.map(rows) : null;
  const all = sides.map(rows);
  const words = (value) => ({ absent: "none yet", guest: "guest", user: "ordinary user", guest_ended: "guest, token ended",
    user_ended: "ordinary user, token ended", never: "never a member" })[value] ?? value;
  $("state").replaceChildren(element("table", { class: "even" },
    sides.length === 2 ? element("thead", {}, element("tr", {}, element("th"), sides.map((side) => element("th", {}, side.rules)))) : null,
    element("tbody", {}, all[0].map(([name], index) => element("tr", {},
      element("td", {}, name),
      all.map((side, number) => {
        const value = side[index][1];
        const was = old?.[number].find(([known]) => known === name);
        return element("td", { class: was && was[1] !== value ? "changed" : false }, words(value));
      }))))));
}

function drawEvents(sides) {
  const beside = sides.length === 2;
  const steps = [...new Set(sides.flatMap((side) => side.events.map((event) => event.step)))].sort((a, b) => a - b);
  $("follow").replaceChildren(element("option", { value: "" }, "no event"),
    ...steps.map((step) => element("option", { value: step }, `the event of step ${step + 1}`)));
  const last = steps.filter((step) => sides[0].events.some((event) => event.step === step && event.room === "room1"));
  $("follow").value = last.length ? String(last.at(-1)) : "";
  $("follow-label").hidden = steps.length === 0;
  if (steps.length === 0) {
    $("events").replaceChildren(element("p", { class: "fine" }, "No event was sent yet."));
    return;
  }
  const cell = (side, step) => {
    const event = side.events.find((found) => found.step === step);
    if (!event) return element("td", { class: "fine" }, "no event");
    return element("td", {}, event.readers.map((reader) => {
      if (reader.sees === null) return element("div", { class: "fine" }, `${reader.guest}: ${reader.because}`);
      if (reader.sees) return element("div", { title: `by ${reader.by.join(", ")}` },
        element("span", { class: "mark allow" }, "✓"), ` ${reader.guest} sees it`);
      return element("div", {}, element("span", { class: "mark deny" }, "✗"), ` ${reader.guest} does not: `,
        element("span", { class: "fine" }, prose(`${reader.because ?? ""} `)), ...spaced(reader.clauses.map(clause)));
    }));
  };
  const sent = (step) => {
    const event = sides.flatMap((side) => side.events).find((found) => found.step === step);
    return element("td", {}, `${step + 1}. ${event.sentence}`,
      element("div", { class: "fine" }, `sent while the room was ${event.history_visibility}`));
  };
  $("events").replaceChildren(element("table", { class: "even" },
    element("thead", {}, element("tr", {}, element("th", {}, "event"),
      sides.map((side) => element("th", {}, beside ? side.rules : "now")))),
    element("tbody", {}, steps.map((step) => element("tr", {}, sent(step), sides.map((side) => cell(side, step)))))));
}

async function save() {
  try {
    const follow = $("follow").value === "" ? null : Number($("follow").value);
    const scenario = await ask("api/scenario", { trace, follow });
    const url = URL.createObjectURL(new Blob([JSON.stringify(scenario, null, 2) + "\n"], { type: "application/json" }));
    element("a", { href: url, download: "explored.json" }).click();
    URL.revokeObjectURL(url);
    notice("Saved as explored.json.");
  } catch (error) {
    notice(error.message, true);
  }
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    notice("The link is copied.");
  } catch {
    notice("The address of this page is the link.");
  }
}

async function begin() {
  vocabulary = await ask("api/vocabulary");
  $("stories").replaceChildren(...stories.map(([title, steps]) => element("li", {},
    element("button", { type: "button", click: () => show({ ...trace, steps }) }, title))));
  const change = () => show({
    ...trace, guests: Number($("guests").value), rooms: Number($("rooms").value),
    rules: [$("first").value, $("second").value].filter((name) => name !== "nothing"),
  });
  for (const id of ["first", "second", "guests", "rooms"]) $(id).addEventListener("change", change);
  $("undo").addEventListener("click", () => show({ ...trace, steps: trace.steps.slice(0, -1) }));
  $("restart").addEventListener("click", () => show({ ...trace, steps: [] }));
  $("link").addEventListener("click", copyLink);
  $("save").addEventListener("click", save);
  window.addEventListener("popstate", () => show(fromAddress()));
  await show(fromAddress(), true);
}

begin().catch((error) => notice(error.message, true));
