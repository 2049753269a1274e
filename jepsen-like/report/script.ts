// The only script of the page: reads a moment where the pointer is, enlarges what is dragged over. Without it the page says the same.

export const script = `
"use strict";
(() => {
  const run = document.getElementById("run");
  const data = JSON.parse(document.getElementById("readings").textContent);
  const plots = [...run.querySelectorAll(".plot")];
  const whole = data.buckets * data.bucketUs;
  let shown = [0, 1];
  let dragged;

  const reading = document.body.appendChild(document.createElement("div"));
  reading.id = "reading";
  const marks = plots.map((plot) => {
    const add = (name) => plot.appendChild(Object.assign(document.createElement("i"), { className: name }));
    return { cursor: add("cursor"), chosen: add("chosen") };
  });
  const bars = [...run.querySelectorAll(".bar")].map((bar) => ({
    name: bar.textContent, unseen: bar.classList.contains("unseen"),
    from: parseFloat(bar.style.left) / 100,
    to: (parseFloat(bar.style.left) + (parseFloat(bar.style.width) * parseFloat(bar.firstChild.style.width)) / 100) / 100,
  }));

  const two = (value) => String(value).padStart(2, "0");
  const moment = (us) => {
    const tenths = Math.round(us / 1e5), s = Math.floor(tenths / 10), m = Math.floor(s / 60), h = Math.floor(m / 60);
    return (h > 0 ? h + ":" + two(m % 60) : m) + ":" + two(s % 60) + "." + (tenths % 10);
  };
  const length = (us) => us === null ? "–" : us < 1e3 ? us + " µs" : us < 1e6 ? (us / 1e3).toPrecision(3) + " ms" : (us / 1e6).toPrecision(3) + " s";
  const rate = (calls) => Math.round((calls * 1e6) / data.bucketUs);

  const shareAt = (event) => {
    const box = plots[0].getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const wholeShare = (share) => shown[0] + share * (shown[1] - shown[0]);

  function say(share) {
    const at = wholeShare(share), b = Math.min(data.buckets - 1, Math.floor(at * data.buckets));
    const now = [...new Set(bars.filter((bar) => bar.from <= at && at <= bar.to).map((bar) => bar.name + (bar.unseen ? " (no effect)" : "")))];
    const lines = [
      rate(data.ok[b]) + " ok, " + rate(data.fail[b]) + " failed, " + rate(data.unknown[b]) + " unknown per second",
      "median " + length(data.p50[b]) + ", 99 % " + length(data.p99[b]) + ", longest " + length(data.max[b]),
      now.join(", "),
    ];
    reading.replaceChildren(Object.assign(document.createElement("b"), { textContent: moment(at * whole) }));
    for (const line of lines) if (line) reading.append(Object.assign(document.createElement("div"), { textContent: line }));
  }

  function show(from, to) {
    const least = Math.min(1, 8 / data.buckets), middle = (from + to) / 2;
    if (to - from < least) { from = Math.max(0, Math.min(middle - least / 2, 1 - least)); to = from + least; }
    shown = [from, to];
    run.style.setProperty("--k", 1 / (to - from));
    run.style.setProperty("--o", from);
    run.classList.toggle("zoomed", to - from < 0.5);
  }

  const hide = () => {
    reading.style.display = "none";
    for (const { cursor, chosen } of marks) cursor.style.display = chosen.style.display = "none";
  };
  run.classList.add("live");
  run.addEventListener("pointermove", (event) => {
    const box = plots[0].getBoundingClientRect();
    const inside = event.target.closest(".strips") && event.clientX >= box.left && event.clientX <= box.right;
    if (!inside && dragged === undefined) return hide();
    const share = shareAt(event);
    say(share);
    reading.style.display = "block";
    const left = event.clientX + 18 + reading.offsetWidth < innerWidth ? event.clientX + 18 : event.clientX - 18 - reading.offsetWidth;
    reading.style.left = Math.max(4, left) + "px";
    reading.style.top = Math.min(event.clientY + 18, innerHeight - reading.offsetHeight - 8) + "px";
    for (const { cursor, chosen } of marks) {
      cursor.style.display = "block";
      cursor.style.left = share * 100 + "%";
      if (dragged === undefined) continue;
      chosen.style.display = "block";
      chosen.style.left = Math.min(share, dragged) * 100 + "%";
      chosen.style.width = Math.abs(share - dragged) * 100 + "%";
    }
  });
  run.addEventListener("pointerleave", hide);
  run.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch" || !event.target.closest(".plot")) return;
    dragged = shareAt(event);
    event.preventDefault();
  });
  addEventListener("pointerup", (event) => {
    if (dragged === undefined) return;
    const [from, to] = [dragged, shareAt(event)].sort((a, b) => a - b);
    dragged = undefined;
    hide();
    if (to - from > 0.005) show(wholeShare(from), wholeShare(to));
  });
  run.addEventListener("dblclick", () => show(0, 1));
  addEventListener("keydown", (event) => { if (event.key === "Escape") show(0, 1); });
  for (const link of document.querySelectorAll("a[data-from]"))
    link.addEventListener("click", () => {
      const [from, to] = [link.dataset.from / whole, link.dataset.to / whole], around = Math.max(to - from, 0.01) * 1.5;
      show(Math.max(0, from - around), Math.min(1, to + around));
    });
})();
`;
