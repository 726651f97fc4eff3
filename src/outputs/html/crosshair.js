// The cross-hair of charts: the values at the pointer, in every chart of the page, those that come later too. Charts are
// read without it.

(() => {
  const SVG = "http://www.w3.org/2000/svg";

  /**
   * What `data-cursor` of a chart says.
   * @typedef {{name: string, between?: boolean, x?: number[], y: (number | null)[]}} Line
   * @typedef {{plane: [number, number, number, number], x: "time" | "quantile", from: number, to: number, top: number,
   *            unit: string, lines: Line[], limits?: {name: string, y: number}[]}} Plot
   */

  /** @param {number} value */
  function figure(value) {
    const digits = value === 0 ? 0 : Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
    return value.toLocaleString("en", { maximumFractionDigits: digits });
  }

  /** @param {Plot} plot @param {number} at */
  function place(plot, at) {
    if (plot.x === "quantile") return `${(100 * (1 - 10 ** -at)).toFixed(Math.max(1, Math.ceil(at)))}%`;
    const whole = Math.floor(at);
    const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
    const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  }

  /** The index of the place nearest to `at`. @param {number[]} places @param {number} at */
  function nearest(places, at) {
    let [low, high] = [0, places.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low > 0 && at - places[low - 1] < places[low] - at ? low - 1 : low;
  }

  /** On the straight line between two corners. @param {number[]} places @param {(number | null)[]} values @param {number} at */
  function between(places, values, at) {
    const next = places.findIndex((place) => place >= at);
    const [from, to] = [values[next - 1], values[next]];
    if (next < 0 || to === null) return null;
    if (next === 0 || from === null) return places[next] === at ? to : null;
    return from + ((to - from) * (at - places[next - 1])) / (places[next] - places[next - 1]);
  }

  /** @type {WeakMap<Element, Plot>} */
  const plots = new WeakMap();
  /** @type {{x: number, y: number} | null} */
  let pointer = null;

  const clear = () => {
    for (const mark of document.querySelectorAll(".rampd-cursor, .rampd-cursor-line")) mark.remove();
  };

  /** @param {SVGSVGElement} svg @param {number} clientX */
  const show = (svg, clientX) => {
    let plot = plots.get(svg);
    if (!plot) {
      plot = /** @type {Plot} */ (JSON.parse(svg.dataset.cursor ?? "null"));
      if (!plot) return;
      plots.set(svg, plot);
      // Browsers show a title as a hint over the whole picture, and that would cover the values.
      const title = svg.querySelector("title");
      if (title) {
        svg.setAttribute("aria-label", title.textContent ?? "");
        svg.removeAttribute("aria-labelledby");
        title.remove();
      }
    }
    const [left, top, right, bottom] = plot.plane;
    const frame = svg.getBoundingClientRect();
    const scale = frame.width / svg.viewBox.baseVal.width;
    const at = plot.from + (((clientX - frame.left) / scale - left) / (right - left)) * (plot.to - plot.from);
    if (at < plot.from || at > plot.to) return;

    /** @type {number[]} */
    let places = [];
    const rows = [];
    const measured = plot.lines.find((line) => !line.between && line.x && line.x.length > 0);
    const shown = measured?.x ? measured.x[nearest(measured.x, at)] : at;
    for (const line of plot.lines) {
      places = line.x ?? places;
      if (places.length === 0) continue;
      const value = line.between ? between(places, line.y, shown) : line.y[nearest(places, shown)];
      rows.push([line.name, value === null ? "–" : `${figure(value)}${plot.unit}`]);
    }
    for (const limit of plot.limits ?? []) rows.push(["limit", limit.name]);

    const x = left + ((shown - plot.from) / (plot.to - plot.from)) * (right - left);
    const rule = document.createElementNS(SVG, "line");
    rule.setAttribute("class", "rampd-cursor-line");
    for (const [name, value] of Object.entries({ x1: x, x2: x, y1: top, y2: bottom })) rule.setAttribute(name, String(value));
    svg.append(rule);

    const box = document.createElement("div");
    box.className = "rampd-cursor";
    const head = document.createElement("strong");
    head.textContent = place(plot, shown);
    box.append(head);
    for (const texts of rows) {
      const row = document.createElement("div");
      for (const text of texts) {
        const cell = document.createElement("span");
        cell.textContent = text;
        row.append(cell);
      }
      box.append(row);
    }
    const home = svg.parentElement;
    if (!home) return;
    home.append(box);
    const homeFrame = home.getBoundingClientRect();
    const from = frame.left - homeFrame.left + x * scale;
    const room = homeFrame.width - from;
    const over = from + 12 + box.offsetWidth > homeFrame.width && from > room;
    box.style.left = `${Math.max(0, over ? from - 12 - box.offsetWidth : from + 12)}px`;
    box.style.top = `${frame.top - homeFrame.top + top * scale + 8}px`;
  };

  const redraw = () => {
    clear();
    if (!pointer) return;
    const under = document.elementFromPoint(pointer.x, pointer.y);
    const svg = under?.closest("svg.rampd-chart");
    if (svg instanceof SVGSVGElement) show(svg, pointer.x);
  };

  document.addEventListener("pointermove", (event) => {
    pointer = { x: event.clientX, y: event.clientY };
    redraw();
  });
  document.documentElement.addEventListener("pointerleave", () => {
    pointer = null;
    clear();
  });
  // Whoever replaces charts under a pointer that stands still dispatches this.
  document.addEventListener("rampd:charts", redraw);
})();
