// Layered layout (Sugiyama): boxes in rows, edges downwards.
//
// 1. The row of a box is below the rows of all that it reads.
// 2. An edge over several rows passes through points; edges of one source share them.
// 3. Barycentres order the boxes of each row; the order with the fewest crossings stays.
// 4. Every box moves towards its neighbours, as far as the boxes beside it allow.
//
// `boxes` are objects with `width`, `height` and optionally `first` or `last`, which put a box into the first or the
// last row. `edges` are objects {from, to, out, into}: indices of boxes, with `from` < `to`, and the distances of the
// ends from the centres of the boxes. Gives every box its `x` (centre) and `y` (top), every edge its `points`, and
// returns the size of the drawing.

const GAP = 26;
const ROW_GAP = 34;
const LANE = 14;
const SWEEPS = 8;

function layered(boxes, edges) {
  const rows = rowsOf(boxes, edges);
  const { grid, links, chains } = withPoints(boxes, edges, rows);
  ordered(grid, links);
  placed(grid, links);
  return finished(boxes, edges, grid, chains);
}

function rowsOf(boxes, edges) {
  const rows = boxes.map(() => 0);
  const into = boxes.map(() => []);
  const outOf = boxes.map(() => []);
  for (const edge of edges) {
    into[edge.to].push(edge.from);
    outOf[edge.from].push(edge.to);
  }
  const top = boxes.some((box) => box.first) ? 1 : 0;
  boxes.forEach((box, index) => {
    rows[index] = box.first ? 0 : Math.max(top, ...into[index].map((from) => rows[from] + 1));
  });
  // What reads nothing, such as a constant, is drawn right above its first reader.
  for (let index = boxes.length - 1; index >= 0; index -= 1) {
    if (!into[index].length && outOf[index].length && !boxes[index].first) {
      rows[index] = Math.max(top, Math.min(...outOf[index].map((to) => rows[to])) - 1);
    }
  }
  if (boxes.some((box) => box.last)) {
    const lowest = Math.max(...rows.map((row, index) => row + (boxes[index].last ? 0 : 1)));
    boxes.forEach((box, index) => {
      if (box.last) rows[index] = lowest;
    });
  }
  return rows;
}

// Weights: chains of boxes stay straight, before the lines that pass them, which bend as little as possible. A box that
// joins more than two edges is in the middle of all.
function withPoints(boxes, edges, rows) {
  const grid = [];
  const put = (item, row) => {
    while (grid.length <= row) grid.push([]);
    grid[row].push(item);
    return Object.assign(item, { row });
  };
  const items = boxes.map((box, index) => put({ width: box.width, height: box.height }, rows[index]));
  const links = [];
  const chains = new Map();
  const joined = boxes.map(() => 0);
  for (const edge of edges) joined[edge.to] += 1;
  for (const edge of edges) {
    const key = `${edge.from}|${edge.out}`;
    if (!chains.has(key)) chains.set(key, []);
    const chain = chains.get(key);
    let from = items[edge.from];
    let out = edge.out;
    for (let row = rows[edge.from] + 1; row < rows[edge.to]; row += 1) {
      const at = row - rows[edge.from] - 1;
      if (chain.length <= at) {
        chain.push(put({ width: LANE, height: 0, point: true }, row));
        links.push({ from, to: chain[at], out, into: 0, weight: from.point ? 4 : 0.1 });
      }
      from = chain[at];
      out = 0;
    }
    links.push({
      from,
      to: items[edge.to],
      out,
      into: edge.into,
      weight: joined[edge.to] > 2 ? 4 : from.point ? 0.1 : 10,
    });
  }
  items.forEach((item, index) => {
    boxes[index].item = item;
  });
  return { grid, links, chains };
}

function ordered(grid, links) {
  for (const row of grid) row.forEach((item, index) => Object.assign(item, { order: index, up: [], down: [] }));
  for (const link of links) {
    link.from.down.push(link.to);
    link.to.up.push(link.from);
  }
  const best = { crossings: Infinity, orders: null };
  for (let sweep = 0; sweep <= SWEEPS; sweep += 1) {
    const count = crossings(grid);
    if (count < best.crossings) {
      best.crossings = count;
      best.orders = grid.map((row) => [...row]);
    }
    if (!count || sweep === SWEEPS) break;
    const down = sweep % 2 === 0;
    const rows = down ? grid.slice(1) : grid.slice(0, -1).reverse();
    for (const row of rows) {
      for (const item of row) {
        const near = down ? item.up : item.down;
        item.wish = near.length ? near.reduce((sum, other) => sum + other.order, 0) / near.length : item.order;
      }
      row.sort((a, b) => a.wish - b.wish || a.order - b.order);
      row.forEach((item, index) => {
        item.order = index;
      });
    }
  }
  best.orders.forEach((row, index) => {
    grid[index] = row;
    row.forEach((item, order) => {
      item.order = order;
    });
  });
}

/** The number of pairs of edges that cross, by counting inversions. */
function crossings(grid) {
  let total = 0;
  for (const row of grid) {
    const ends = [];
    for (const item of row) ends.push(...item.down.map((other) => other.order).sort((a, b) => a - b));
    const seen = [];
    for (const end of ends) {
      let low = 0;
      let high = seen.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (seen[middle] <= end) low = middle + 1;
        else high = middle;
      }
      total += seen.length - low;
      seen.splice(low, 0, end);
    }
  }
  return total;
}

function placed(grid, links) {
  for (const row of grid) {
    let x = 0;
    for (const item of row) {
      item.x = x + item.width / 2;
      x += item.width + GAP;
      Object.assign(item, { above: [], below: [] });
    }
    for (const item of row) item.x -= (x - GAP) / 2;
  }
  for (const link of links) {
    link.from.below.push(link);
    link.to.above.push(link);
  }
  for (let sweep = 0; sweep < 2 * SWEEPS; sweep += 1) {
    const down = sweep % 2 === 1;
    for (const row of down ? grid : [...grid].reverse()) {
      // Looking both ways straightens what lies between two fixed ends; the last sweep centres boxes below boxes.
      const both = sweep >= 2 * SWEEPS - 5 && sweep < 2 * SWEEPS - 1;
      settle(
        row,
        row.map((item) => wishOf(item, down, both)),
      );
    }
  }
}

function wishOf(item, down, both) {
  let sum = 0;
  let weight = 0;
  if (down || both) {
    for (const link of item.above) {
      sum += link.weight * (link.from.x + link.out - link.into);
      weight += link.weight;
    }
  }
  if (!down || both) {
    for (const link of item.below) {
      sum += link.weight * (link.to.x + link.into - link.out);
      weight += link.weight;
    }
  }
  return { x: weight ? sum / weight : item.x, weight: weight || 0.1 };
}

/** Moves the items of a row as near to their wishes as their order and gaps allow: isotonic regression. */
function settle(row, wishes) {
  const groups = [];
  let offset = 0;
  row.forEach((item, index) => {
    if (index) offset += (row[index - 1].width + item.width) / 2 + GAP;
    let group = {
      sum: wishes[index].weight * (wishes[index].x - offset),
      weight: wishes[index].weight,
      items: [[item, offset]],
    };
    while (groups.length && groups.at(-1).sum / groups.at(-1).weight > group.sum / group.weight) {
      const before = groups.pop();
      group = {
        sum: before.sum + group.sum,
        weight: before.weight + group.weight,
        items: [...before.items, ...group.items],
      };
    }
    groups.push(group);
  });
  for (const group of groups) {
    for (const [item, at] of group.items) item.x = group.sum / group.weight + at;
  }
}

function finished(boxes, edges, grid, chains) {
  let y = 0;
  const tops = [];
  const heights = [];
  grid.forEach((row) => {
    tops.push(y);
    heights.push(Math.max(0, ...row.map((item) => item.height)));
    y += heights.at(-1) + ROW_GAP;
  });
  const items = grid.flat();
  const left = Math.min(0, ...items.map((item) => item.x - item.width / 2));
  for (const box of boxes) {
    const { row, x } = box.item;
    box.x = x - left;
    // A port on the border of its block stays there.
    const slack = heights[row] - box.height;
    box.y = tops[row] + (box.first ? 0 : box.last ? slack : slack / 2);
  }
  for (const edge of edges) {
    const from = boxes[edge.from];
    const to = boxes[edge.to];
    const points = [[from.x + edge.out, from.y + from.height]];
    const chain = chains.get(`${edge.from}|${edge.out}`);
    for (let row = from.item.row; row <= to.item.row; row += 1) {
      if (row === from.item.row) {
        points.push([from.x + edge.out, tops[row] + heights[row]]);
      } else if (row < to.item.row) {
        const x = chain[row - from.item.row - 1].x - left;
        points.push([x, tops[row]], [x, tops[row] + heights[row]]);
      } else {
        points.push([to.x + edge.into, tops[row]], [to.x + edge.into, to.y]);
      }
    }
    edge.points = points;
  }
  for (const box of boxes) delete box.item;
  const right = Math.max(0, ...items.map((item) => item.x + item.width / 2));
  return { width: right - left, height: Math.max(0, y - ROW_GAP) };
}
