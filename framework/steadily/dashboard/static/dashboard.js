// Draws the charts from the tables that stand beside them. Nothing else is asked for, and without this all numbers are there.
"use strict";

const DASHES = [[], [8, 4], [2, 4], [10, 3, 2, 3], [5, 2]];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const charts = [];
uPlot.sync("time");

const units = {
  share: (value) => `${trimmed((100 * value).toFixed(Math.abs(value) >= 0.01 ? 1 : 2))} %`,
  seconds: (value) => (value >= 1 ? `${+value.toPrecision(3)} s` : `${+(1000 * value).toPrecision(3)} ms`),
  score: (value) => (Math.abs(value) < 1 ? value.toFixed(3) : value.toFixed(2)),
  count: (value) => Math.round(value).toLocaleString("en"),
};

function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function faint(hex) {
  return `${hex}2e`;
}

// One table → one chart's data: moments, and for each line its values with the ends of their intervals. Where another
// release went live the lines break: its windows hold its own answers alone.
function read(figure) {
  const heads = [...figure.querySelectorAll("th[data-line]")];
  const lines = heads.map((head) => ({
    name: head.dataset.line,
    level: head.dataset.level === undefined ? null : Number(head.dataset.level),
    values: [], low: [], high: [],
  }));
  const number = (text) => (text === "" ? null : Number(text));
  const at = [];
  let release = null;
  for (const row of figure.querySelectorAll("tr[data-at]")) {
    if (release !== null && row.dataset.release !== release) {
      at.push(Number(row.dataset.at) - 1);
      lines.forEach((line) => [line.values, line.low, line.high].forEach((list) => list.push(null)));
    }
    release = row.dataset.release;
    at.push(Number(row.dataset.at));
    row.querySelectorAll("td[data-value]").forEach((cell, place) => {
      lines[place].values.push(number(cell.dataset.value));
      lines[place].low.push(number(cell.dataset.low));
      lines[place].high.push(number(cell.dataset.high));
    });
  }
  return { unit: units[figure.dataset.unit], range: [Number(figure.dataset.low), Number(figure.dataset.high)], at, lines };
}

function marks() {
  return [...document.querySelectorAll("[data-mark]")].map((one) => ({
    at: Number(one.dataset.mark),
    told: one.dataset.release ? `${one.dataset.action === "rollback" ? "↩" : "→"}\u202f${one.dataset.release}` : "none",
    back: one.dataset.action === "rollback",
  }));
}

function options(found, width, height, told) {
  const series = [{}];
  const bands = [];
  found.lines.forEach((line, place) => {
    series.push({ stroke: colour(`line-${place + 1}`), width: 2, dash: DASHES[place], points: { show: found.at.length < 3, size: 5 } });
  });
  found.lines.forEach((line, place) => {
    if (line.low.every((value) => value === null)) return;
    const first = series.length;
    for (let end = 0; end < 2; end += 1) series.push({ stroke: "transparent", width: 0, points: { show: false } });
    bands.push({ series: [first + 1, first], fill: faint(colour(`line-${place + 1}`)) });
  });
  return {
    width, height, series, bands, padding: [16, 26, 0, 0],
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    scales: { y: { range: found.range } },
    legend: { show: false },
    cursor: {
      sync: { key: "time", setSeries: false }, drag: { x: false, y: false },
      points: { size: 7, show: (u, place) => (place > found.lines.length ? false : dot(u, place)) },
    },
    axes: [axis({ space: 76, size: 26, gap: 4, values: days }), axis({ size: 60, gap: 4, values: (_, all) => all.map((value) => found.unit(value)) })],
    hooks: { draw: [(u) => drawLevels(u, found), drawMarks], setCursor: [(u) => told(u.cursor.idx)] },
  };
}

function dot(u, place) {
  const made = document.createElement("div");
  made.style.background = colour(`line-${place}`);
  return made;
}

function axis(more) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return { stroke: colour("soft"), font, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, ...more };
}

function days(u, all, _axis, _space, step) {
  let before = "";
  return all.map((at) => {
    const date = new Date(at * 1000);
    const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
    const year = step >= 2e6 ? ` ${date.getUTCFullYear()}` : "";
    const hour = step < 86400 && date.getUTCHours() ? `${String(date.getUTCHours()).padStart(2, "0")}:00` : "";
    const told = hour || `${day}${year}`;
    const shown = told === before ? "" : told;
    before = told;
    return shown;
  });
}

function moment(at) {
  return new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");
}

// What each line is called, and what it says where the cursor is, or else at the end.
function legend(target, found) {
  const list = document.createElement("div");
  list.className = "key";
  list.setAttribute("aria-hidden", "true");
  const values = found.lines.map((line, place) => {
    const swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const stroke = document.createElementNS("http://www.w3.org/2000/svg", "line");
    Object.entries({ x1: 0, x2: 22, y1: 5, y2: 5, "stroke-width": 2, "stroke-dasharray": DASHES[place].join(" ") })
      .forEach(([name, value]) => stroke.setAttribute(name, value));
    stroke.setAttribute("class", `line-${place + 1}`);
    swatch.setAttribute("viewBox", "0 0 22 10");
    swatch.append(stroke);
    const value = document.createElement("b");
    const item = document.createElement("span");
    item.append(swatch, line.name, value);
    list.append(item);
    return value;
  });
  const when = document.createElement("span");
  when.className = "when";
  list.append(when);
  target.append(list);
  return (place) => {
    const known = found.at.length - 1;
    const here = place === null || place === undefined || found.lines.every((line) => line.values[place] === null) ? known : place;
    found.lines.forEach((line, number) => {
      const value = line.values[here];
      values[number].textContent = value === null || value === undefined ? "–" : found.unit(value);
    });
    when.textContent = here === known ? "now" : moment(found.at[here]);
  };
}

function drawLevels(u, found) {
  found.lines.forEach((line, place) => {
    if (line.level === null || line.level < found.range[0] || line.level > found.range[1]) return;
    const y = u.valToPos(line.level, "y", true);
    stroke(u, found.lines.length > 1 ? colour(`line-${place + 1}`) : colour("bad"), [3, 4], (pen) => {
      pen.moveTo(u.bbox.left, y);
      pen.lineTo(u.bbox.left + u.bbox.width, y);
    });
  });
}

function drawMarks(u) {
  const pen = u.ctx;
  const ratio = devicePixelRatio;
  let last = null;
  const labels = [];
  marks().sort((one, other) => one.at - other.at).forEach((mark) => {
    if (mark.at < u.scales.x.min || mark.at > u.scales.x.max) return;
    const x = u.valToPos(mark.at, "x", true);
    stroke(u, colour(mark.back ? "bad" : "edge"), [], (line) => {
      line.moveTo(x, u.bbox.top - 4 * ratio);
      line.lineTo(x, u.bbox.top + u.bbox.height);
    });
    if (last && x - last.x < 44 * ratio) {
      last.told += ` ${mark.told}`;
      last.back = last.back || mark.back;
    } else {
      last = { x, ...mark };
      labels.push(last);
    }
  });
  pen.save();
  pen.font = `${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  pen.textAlign = "center";
  labels.forEach((label) => {
    pen.fillStyle = colour(label.back ? "bad" : "soft");
    pen.fillText(label.told, label.x, u.bbox.top - 6 * ratio);
  });
  pen.restore();
}

function stroke(u, style, dash, path) {
  const pen = u.ctx;
  pen.save();
  pen.strokeStyle = style;
  pen.lineWidth = devicePixelRatio;
  pen.setLineDash(dash.map((length) => length * devicePixelRatio));
  pen.beginPath();
  path(pen);
  pen.stroke();
  pen.restore();
}

function draw(figure) {
  const target = figure.querySelector(".plot");
  const found = read(figure);
  const ends = found.lines.filter((line) => line.low.some((value) => value !== null)).flatMap((line) => [line.low, line.high]);
  const data = [found.at, ...found.lines.map((line) => line.values), ...ends];
  target.replaceChildren();
  const told = legend(target, found);
  told(null);
  const height = target.clientHeight - target.firstChild.offsetHeight;
  const made = new uPlot(options(found, target.clientWidth, height, told), data, target);
  walk(target, made);
  return made;
}

// Arrow keys walk along the line, and the legend says what stands there.
function walk(target, chart) {
  target.tabIndex = 0;
  target.onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const last = chart.data[0].length - 1;
    const from = chart.cursor.idx ?? (step > 0 ? -1 : last + 1);
    const place = Math.min(Math.max(from + step, 0), last);
    chart.setCursor({ left: chart.valToPos(chart.data[0][place], "x"), top: 10 });
  };
}

function drawAll() {
  charts.splice(0).forEach((chart) => chart.destroy());
  document.querySelectorAll("figure.chart").forEach((figure) => charts.push(draw(figure)));
}

// Who follows a link to an alert wants to act on it.
function openTarget() {
  const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  const act = target?.querySelector("details.act");
  if (act) act.open = true;
}

let waiting = 0;
function again() {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(drawAll);
}

let width = window.innerWidth;
drawAll();
openTarget();
window.addEventListener("hashchange", openTarget);
document.documentElement.dataset.drawn = String(charts.length);
performance.mark("drawn");
window.addEventListener("resize", () => {
  if (window.innerWidth !== width) again();
  width = window.innerWidth;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
