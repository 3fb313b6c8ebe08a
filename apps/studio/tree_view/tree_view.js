// A tree that Python drew: walked about in here, chosen from here, never changed here.
// Texts come as parts of a parsed SVG or by textContent; nothing is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";
const STEP = 1.25;
const SMALLEST = 0.05;
const UNREADABLE = 0.3;
const READABLE = 0.75;
const LARGEST = 4;
const NUDGE = 60;
const DRAG = 4;

export default function (component) {
  const frame = component.parentElement.querySelector(".frame");
  frame.view ??= new View(component.parentElement, frame);
  frame.view.show(component.data, component.setTriggerValue);
}

class View {
  constructor(parent, frame) {
    this.parent = parent;
    this.frame = frame;
    this.data = {};
    this.places = new Map();
    this.groups = new Map();
    this.listen();
  }

  // Data comes with every rerun of the page: only another picture is drawn anew.
  show(data, send) {
    this.send = send;
    const before = this.data;
    this.data = data;
    this.frame.style.height = `${data.height}px`;
    if (before.svg !== data.svg) this.draw(before);
    for (const [node, group] of this.groups) {
      group.setAttribute("aria-selected", String(node === data.selected));
    }
    if (before.selected !== data.selected && this.groups.has(data.selected)) {
      this.rove(data.selected);
      if (before.svg === data.svg) this.reveal(data.selected);
    }
  }

  draw(before) {
    const kept = before.root === this.data.root ? this.anchor() : null;
    const focused = this.frame.contains(this.active());
    const parsed = new DOMParser().parseFromString(this.data.svg, "image/svg+xml");
    const svg = document.importNode(parsed.documentElement, true);
    const size = svg.getAttribute("viewBox").split(" ").map(Number);
    [this.width, this.height] = size.slice(2);
    // Its own name would be shown by the pointer wherever that stands.
    svg.querySelector(":scope > title").remove();
    svg.querySelector(":scope > desc")?.remove();
    for (const name of ["width", "height", "aria-labelledby", "aria-describedby"]) {
      svg.removeAttribute(name);
    }
    svg.setAttribute("role", "tree");
    svg.setAttribute("aria-label", this.data.label);
    svg.setAttribute("aria-describedby", "help");
    this.frame.replaceChildren(svg);
    this.svg = svg;
    this.groups.clear();
    this.places.clear();
    this.nodes = new Map(this.data.nodes.map((node) => [node.node, node]));
    for (const group of svg.querySelectorAll("g.node")) this.prepare(group);
    this.rove(this.start(kept?.node));
    if (kept && this.groups.has(kept.node)) this.stay(kept);
    else this.fit(false);
    if (focused) this.groups.get(this.at).focus({ preventScroll: true });
  }

  prepare(group) {
    const index = Number(group.dataset.node);
    const node = this.nodes.get(index);
    const box = group.querySelector("rect");
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) =>
      Number(box.getAttribute(name)),
    );
    this.groups.set(index, group);
    this.places.set(index, { x, y, width, height });
    const way = node.hot ? ", on the way of the row" : "";
    group.setAttribute("role", "treeitem");
    group.setAttribute("tabindex", "-1");
    group.setAttribute("aria-level", String(node.level));
    group.setAttribute("aria-label", group.querySelector("title").textContent + way);
    if (node.kind === "leaf") return;
    group.setAttribute("aria-expanded", String(node.kind === "test"));
    group.append(badge(this.places.get(index), node.kind, this.data.direction));
  }

  // Where the pointer or the keyboard goes on from when the picture changed.
  start(kept) {
    if (this.groups.has(kept)) return kept;
    if (this.groups.has(this.data.selected)) return this.data.selected;
    return this.data.root;
  }

  active() {
    return this.frame.getRootNode().activeElement;
  }

  rove(node) {
    this.groups.get(this.at)?.setAttribute("tabindex", "-1");
    this.at = node;
    this.groups.get(node).setAttribute("tabindex", "0");
  }

  // Zoom and place ------------------------------------------------------------------

  get screen() {
    return [Math.max(this.frame.clientWidth, 1), Math.max(this.frame.clientHeight, 1)];
  }

  look() {
    const [width, height] = this.screen;
    const box = [this.x, this.y, width / this.scale, height / this.scale];
    this.svg.setAttribute("viewBox", box.map((part) => part.toFixed(2)).join(" "));
  }

  fit(whole) {
    const [width, height] = this.screen;
    const scale = Math.min(width / this.width, height / this.height);
    this.whole = whole;
    this.scale = Math.min(scale, whole ? LARGEST : 1);
    this.x = (this.width - width / this.scale) / 2;
    this.y = (this.height - height / this.scale) / 2;
    // At first it must be readable, even if not all of it is in sight.
    if (!whole && scale < READABLE) this.near(this.at);
    this.look();
  }

  // Show a node and what is directly below it as large as can be read.
  near(node) {
    const [width, height] = this.screen;
    const shown = [node, ...this.below(node).map((child) => child.node)];
    const places = shown.map((index) => this.places.get(index));
    const left = Math.min(...places.map((place) => place.x));
    const top = Math.min(...places.map((place) => place.y));
    const right = Math.max(...places.map((place) => place.x + place.width));
    const bottom = Math.max(...places.map((place) => place.y + place.height));
    const room = Math.min(width / (right - left + 40), height / (bottom - top + 40));
    this.scale = Math.max(Math.min(room, READABLE), UNREADABLE);
    const [across, along] = [width / this.scale, height / this.scale];
    this.x = within((left + right - across) / 2, this.width - across);
    this.y = within((top + bottom - along) / 2, this.height - along);
    this.reveal(node);
  }

  zoom(factor, at) {
    const [width, height] = this.screen;
    const [across, along] = at ?? [width / 2, height / 2];
    const scale = Math.min(Math.max(this.scale * factor, SMALLEST), LARGEST);
    this.x += across / this.scale - across / scale;
    this.y += along / this.scale - along / scale;
    this.scale = scale;
    this.whole = false;
    this.look();
  }

  pan(across, along) {
    this.x -= across / this.scale;
    this.y -= along / this.scale;
    this.whole = false;
    this.look();
  }

  // What stays where it was on the screen when a branch opens or folds.
  anchor() {
    const place = this.places.get(this.at);
    if (!place) return null;
    const { x, y } = place;
    return { node: this.at, x: (x - this.x) * this.scale, y: (y - this.y) * this.scale };
  }

  stay(kept) {
    const { x, y } = this.places.get(kept.node);
    this.x = x - kept.x / this.scale;
    this.y = y - kept.y / this.scale;
    this.look();
    this.reveal(kept.node);
  }

  reveal(node) {
    const place = this.places.get(node);
    const [width, height] = this.screen.map((length) => length / this.scale);
    const gap = 12 / this.scale;
    this.x = Math.min(this.x, place.x - gap);
    this.y = Math.min(this.y, place.y - gap);
    this.x = Math.max(this.x, place.x + place.width + gap - width);
    this.y = Math.max(this.y, place.y + place.height + gap - height);
    this.look();
  }

  // What a person does --------------------------------------------------------------

  listen() {
    const frame = this.frame;
    for (const button of this.parent.querySelectorAll("button")) {
      button.addEventListener("click", () => this.press(button.dataset.do));
    }
    frame.addEventListener("keydown", (event) => this.key(event));
    frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    frame.addEventListener("pointerdown", (event) => this.take(event));
    frame.addEventListener("pointermove", (event) => this.drag(event));
    frame.addEventListener("pointerup", () => (this.held = null));
    frame.addEventListener("pointercancel", () => (this.held = null));
    frame.addEventListener("click", (event) => this.click(event));
    frame.addEventListener("focusin", (event) => {
      const group = event.target.closest("g.node");
      if (group) this.rove(Number(group.dataset.node));
    });
    new ResizeObserver(() => {
      if (!this.svg) return;
      if (this.whole) this.fit(true);
      else this.look();
    }).observe(frame);
  }

  press(what) {
    if (what === "in") this.zoom(STEP);
    if (what === "out") this.zoom(1 / STEP);
    if (what === "fit") this.fit(true);
    if (what === "fold") this.fold(this.at);
  }

  wheel(event) {
    // Without a key the wheel scrolls the page, as everywhere.
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const { left, top } = this.frame.getBoundingClientRect();
    const at = [event.clientX - left, event.clientY - top];
    this.zoom(Math.exp(-Math.max(Math.min(event.deltaY, 100), -100) / 300), at);
  }

  take(event) {
    if (event.button !== 0) return;
    this.held = { x: event.clientX, y: event.clientY };
    this.dragged = false;
  }

  drag(event) {
    if (!this.held) return;
    const across = event.clientX - this.held.x;
    const along = event.clientY - this.held.y;
    if (!this.dragged && Math.hypot(across, along) < DRAG) return;
    if (!this.dragged) this.frame.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.held = { x: event.clientX, y: event.clientY };
    this.pan(across, along);
  }

  click(event) {
    const group = event.target.closest("g.node");
    if (this.dragged || !group) return;
    const node = Number(group.dataset.node);
    this.rove(node);
    group.focus({ preventScroll: true });
    if (event.target.closest(".badge")) this.fold(node);
    else this.choose(node);
  }

  choose(node) {
    this.send("event", { kind: "choose", node });
  }

  fold(node) {
    const kind = this.nodes.get(node)?.kind;
    if (kind === "test") this.send("event", { kind: "close", node });
    if (kind === "folded") this.send("event", { kind: "open", node });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = this.action(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  action(event) {
    const arrows = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) {
      return () => this.pan(-arrow[0] * NUDGE, -arrow[1] * NUDGE);
    }
    if (arrow) return () => this.step(arrow);
    return {
      "+": () => this.zoom(STEP),
      "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP),
      0: () => this.fit(true),
      o: () => this.fold(this.at),
      Home: () => this.go(this.data.root),
      Enter: () => this.choose(this.at),
      " ": () => this.choose(this.at),
    }[event.key];
  }

  // Arrows go where they point: up and down the tree, or to what stands beside.
  step([across, along]) {
    const down = this.data.direction === "down";
    const forward = down ? along : across;
    const here = this.nodes.get(this.at);
    if (forward < 0) this.go(here.parent);
    else if (forward > 0) this.go(this.below(this.at)[0]?.node);
    else this.go(this.beside(down ? across : along));
  }

  below(node) {
    return this.data.nodes.filter((other) => other.parent === node);
  }

  beside(side) {
    const { level } = this.nodes.get(this.at);
    const row = this.data.nodes.filter((node) => node.level === level);
    const place = row.findIndex((node) => node.node === this.at);
    return row[place + side]?.node;
  }

  go(node) {
    const group = this.groups.get(node);
    if (!group) return;
    group.focus({ preventScroll: true });
    this.reveal(node);
  }
}

// Where a picture begins that is larger than the frame by so much, or smaller.
function within(start, more) {
  return more < 0 ? more / 2 : Math.min(Math.max(start, 0), more);
}

// A small sign at a test: folds or opens what is below it.
function badge(place, kind, direction) {
  const down = direction === "down";
  const x = down ? place.x + place.width / 2 : place.x + place.width;
  const y = down ? place.y + place.height : place.y + place.height / 2;
  const sign = document.createElementNS(SVG, "g");
  const circle = document.createElementNS(SVG, "circle");
  const line = document.createElementNS(SVG, "path");
  const upright = kind === "folded" ? `M${x} ${y - 4}V${y + 4}` : "";
  const parts = { cx: x, cy: y, r: 8 };
  for (const [name, value] of Object.entries(parts)) circle.setAttribute(name, value);
  line.setAttribute("d", `M${x - 4} ${y}H${x + 4}${upright}`);
  sign.setAttribute("class", "badge");
  sign.setAttribute("aria-hidden", "true");
  sign.append(circle, line);
  return sign;
}
