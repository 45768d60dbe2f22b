"use strict";
(() => {
  const LEFT = 64, INNER = 898;
  const spaceName = "http://www.w3.org/2000/svg";

  // Curves: one vertical line through all pictures and one box with the figures of that session.
  const curves = document.querySelector(".curves");
  const holder = document.getElementById("curve-data");
  if (curves && holder) {
    const data = JSON.parse(holder.textContent);
    const tip = document.getElementById("tip");
    const pictures = [...curves.querySelectorAll("svg.chart")].map((picture) => {
      const cursor = picture.appendChild(document.createElementNS(spaceName, "line"));
      cursor.setAttribute("class", "cursor");
      cursor.setAttribute("y1", "0");
      cursor.setAttribute("y2", picture.dataset.bottom);
      cursor.style.display = "none";
      const dots = [];
      data.series.forEach((series, index) => {
        if (!picture.classList.contains(series.picture) && !(series.picture === "linear" && picture.classList.contains("log"))) return;
        const dot = picture.appendChild(document.createElementNS(spaceName, "circle"));
        dot.setAttribute("class", "dot " + series.style);
        dot.setAttribute("r", "4");
        dot.style.display = "none";
        dots.push({ dot, values: data.series[index].values });
      });
      return { picture, cursor, dots };
    });
    const pixel = (picture, value) => {
      const { low, high, bottom, top, log } = picture.dataset;
      const f = log === "1" ? (number) => Math.log(Math.max(number, Number(low))) : (number) => number;
      const share = (f(value) - f(Number(low))) / (f(Number(high)) - f(Number(low)));
      return Number(bottom) + share * (Number(top) - Number(bottom));
    };
    const nearest = (place) => {
      let from = 0, to = data.position.length - 1;
      while (to - from > 1) {
        const middle = (from + to) >> 1;
        if (data.position[middle] <= place) from = middle; else to = middle;
      }
      return place - data.position[from] <= data.position[to] - place ? from : to;
    };
    const hide = () => {
      tip.style.display = "none";
      for (const { cursor, dots } of pictures) {
        cursor.style.display = "none";
        for (const { dot } of dots) dot.style.display = "none";
      }
    };
    const show = (event, picture) => {
      const box = picture.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * picture.viewBox.baseVal.width;
      if (x < LEFT - 12 || x > LEFT + INNER + 12 || !data.position.length) return hide();
      const index = nearest((x - LEFT) / INNER * data.last);
      const place = LEFT + data.position[index] / Math.max(data.last, 1) * INNER;
      for (const { picture: target, cursor, dots } of pictures) {
        cursor.setAttribute("x1", place);
        cursor.setAttribute("x2", place);
        cursor.style.display = "";
        for (const { dot, values } of dots) {
          const value = values[index];
          dot.style.display = value === null ? "none" : "";
          if (value === null) continue;
          dot.setAttribute("cx", place);
          dot.setAttribute("cy", pixel(target, value));
        }
      }
      tip.textContent = data.days[index] + "\n" + data.rows.map((row) => row.label + "  " + row.texts[index]).join("\n");
      tip.style.display = "block";
      const right = event.clientX + 18 + tip.offsetWidth > window.innerWidth;
      tip.style.left = (right ? event.clientX - 18 - tip.offsetWidth : event.clientX + 18) + "px";
      tip.style.top = Math.min(event.clientY + 12, window.innerHeight - tip.offsetHeight - 8) + "px";
    };
    for (const { picture } of pictures) {
      picture.addEventListener("pointermove", (event) => show(event, picture));
      picture.addEventListener("pointerleave", hide);
    }
  }
  const toggle = document.getElementById("log-toggle");
  if (toggle) {
    toggle.addEventListener("click", () => {
      toggle.setAttribute("aria-pressed", String(curves.classList.toggle("use-log")));
    });
  }

  // Trades: sort by a click on a heading, filter by words and by result.
  const body = document.getElementById("trade-rows");
  if (body) {
    const rows = [...body.rows];
    const words = document.getElementById("trade-words");
    const kind = document.getElementById("trade-kind");
    const shown = document.getElementById("trade-shown");
    const searched = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const filter = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        const text = searched.get(row);
        const fits = wanted.every((word) => text.includes(word)) && (kind.value === "all" || row.dataset.kind === kind.value);
        row.hidden = !fits;
        count += fits ? 1 : 0;
      }
      shown.textContent = count.toLocaleString();
    };
    words.addEventListener("input", filter);
    kind.addEventListener("change", filter);
    const heads = [...body.closest("table").tHead.rows[0].cells];
    const key = (row, column) => {
      const cell = row.cells[column];
      return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
    };
    const sort = (head, column) => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      const order = rows.map((row) => [key(row, column), row]);
      order.sort(([a], [b]) => sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
      body.append(...order.map(([, row]) => row));
    };
    heads.forEach((head, column) => {
      head.tabIndex = 0;
      head.addEventListener("click", () => sort(head, column));
      head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(head, column); });
    });
  }
})();
