// dras for Node beside other rule engines and a plain JavaScript function: the same four expressions, the same rows, one run. Variables change at every
// evaluation, and handing them over is counted. Every engine's answers are compared with the function's before it is timed.
//
//   node --expose-gc peers.mjs
//
// Columns are compared with the same work in Rust, which `cargo bench --bench host` of this workspace does in the same run (CARGO can name another cargo).
//
// Times are the best of several rounds, in ns an evaluation. Nothing is asserted about them.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Environment } from '@marcbachmann/cel-js';
import { Parser } from 'expr-eval';
import { compileExpression } from 'filtrex';
import jexl from 'jexl';
import rules from 'json-rules-engine';

const require = createRequire(import.meta.url);
const { Expression, Fleet, Policy, Task } = require('../../dras-node');
const zen = (() => {
  try {
    return require('@gorules/zen-engine');
  } catch {
    return undefined; // no addon for this platform
  }
})();

const ROWS = 4096;
const ROUNDS = 100;
const ROUND_MS = 5;
const CHUNK = 256;

let seed = 42;
const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const between = ([low, high]) => low + random() * (high - low);

const line = 'at org.apache.flink.streaming.runtime.tasks.StreamTask.invoke(StreamTask.java:862) ';
const text = (i) => (i % 3 === 0 ? 'java.lang.OutOfMemoryError: Java heap space ' : i % 3 === 1 ? 'java.lang.IllegalStateException: GC overhead ' : 'java.io.IOException: Broken pipe ').padEnd(300, line);

const E3 = `cpu > 0.7 && heap > 0.6 && lag < 60000 && busy >= 300
  || gc < 0.3 && restarts <= 2 && backpressure > 0.4 && records_in > 4000
  || records_out < 6000 && threads > 100 && cpu < 0.3 && heap <= 0.5
  || lag > 30000 && busy < 800 && gc > 0.2 && restarts > 1
  || backpressure < 0.5 && records_in < 5000 && records_out > 3000 && threads < 300`;
const cases = {
  E1: {
    source: 'cpu > 0.8 && lag > 60000 || heap_used / heap_max > 0.9',
    ranges: { cpu: [0, 1], lag: [0, 120_000], heap_used: [0, 4e9], heap_max: [3.5e9, 4.5e9] },
    native: (v) => (v.cpu > 0.8 && v.lag > 60000) || v.heap_used / v.heap_max > 0.9,
    fill: (row, v) => {
      row[0] = v.cpu;
      row[1] = v.lag;
      row[2] = v.heap_used;
      row[3] = v.heap_max;
    },
  },
  E2: {
    source: 'ceil(parallelism * (cpu / target) * (1 + reserve))',
    ranges: { parallelism: [1, 64], cpu: [0, 1], target: [0.5, 0.9], reserve: [0, 0.5] },
    native: (v) => Math.ceil(v.parallelism * (v.cpu / v.target) * (1 + v.reserve)),
    fill: (row, v) => {
      row[0] = v.parallelism;
      row[1] = v.cpu;
      row[2] = v.target;
      row[3] = v.reserve;
    },
  },
  E3: {
    source: E3,
    ranges: { cpu: [0, 1], heap: [0, 1], lag: [0, 120_000], busy: [0, 1000], gc: [0, 1], restarts: [0, 5], backpressure: [0, 1], records_in: [0, 10_000], records_out: [0, 10_000], threads: [50, 500] },
    native: (v) =>
      (v.cpu > 0.7 && v.heap > 0.6 && v.lag < 60000 && v.busy >= 300) ||
      (v.gc < 0.3 && v.restarts <= 2 && v.backpressure > 0.4 && v.records_in > 4000) ||
      (v.records_out < 6000 && v.threads > 100 && v.cpu < 0.3 && v.heap <= 0.5) ||
      (v.lag > 30000 && v.busy < 800 && v.gc > 0.2 && v.restarts > 1) ||
      (v.backpressure < 0.5 && v.records_in < 5000 && v.records_out > 3000 && v.threads < 300),
    fill: (row, v) => {
      row[0] = v.cpu;
      row[1] = v.heap;
      row[2] = v.lag;
      row[3] = v.busy;
      row[4] = v.gc;
      row[5] = v.restarts;
      row[6] = v.backpressure;
      row[7] = v.records_in;
      row[8] = v.records_out;
      row[9] = v.threads;
    },
  },
  E4: {
    source: "exception =~ 'OutOfMemoryError' || exception =~ 'GC overhead'",
    ranges: {},
    native: (v) => /OutOfMemoryError/.test(v.exception) || /GC overhead/.test(v.exception),
  },
};
for (const [name, example] of Object.entries(cases)) {
  example.rows = Array.from({ length: ROWS }, (_, i) =>
    name === 'E4' ? { exception: text(i) } : Object.fromEntries(Object.entries(example.ranges).map(([key, range]) => [key, between(range)])),
  );
}

/** Makes an evaluator of rows for each expression that an engine can say; what it cannot is left out. */
const words = (source) => source.replaceAll('&&', 'and').replaceAll('||', 'or');
const engines = {
  'plain function': (name) => cases[name].native,
  'dras, typed-array row': (name) => {
    if (name === 'E4') return undefined;
    const names = Object.keys(cases[name].ranges);
    const expression = new Expression(cases[name].source, names);
    const row = new Float64Array(names.length);
    const { fill } = cases[name];
    return (v) => {
      fill(row, v);
      return expression.evaluateRow(row);
    };
  },
  'dras, object': (name) => {
    const variables = name === 'E4' ? { exception: 'text' } : Object.keys(cases[name].ranges);
    const expression = new Expression(cases[name].source, variables);
    return (v) => expression.evaluate(v);
  },
  '@marcbachmann/cel-js': (name) => {
    const environment = new Environment({ unlistedVariablesAreDyn: true }).registerFunction('ceil(double): double', Math.ceil);
    const source = { E2: 'ceil(parallelism * (cpu / target) * (1.0 + reserve))', E4: "exception.matches('OutOfMemoryError') || exception.matches('GC overhead')" }[name] ?? cases[name].source;
    return environment.parse(source);
  },
  'expr-eval': (name) => {
    const parser = new Parser();
    parser.functions.has = (text, part) => text.includes(part);
    const source = name === 'E4' ? "has(exception, 'OutOfMemoryError') or has(exception, 'GC overhead')" : words(cases[name].source);
    const expression = parser.parse(source);
    return (v) => expression.evaluate(v);
  },
  filtrex: (name) => {
    const source = name === 'E4' ? 'exception ~= "OutOfMemoryError" or exception ~= "GC overhead"' : words(cases[name].source);
    return compileExpression(source);
  },
  jexl: (name) => {
    const engine = new jexl.Jexl();
    engine.addFunction('ceil', Math.ceil);
    engine.addFunction('has', (text, part) => text.includes(part));
    // `&&` binds no tighter than `||` in jexl.
    const grouped = cases[name].source.split('||').map((all) => (all.includes('&&') ? `(${all})` : all)).join('||');
    const source = name === 'E4' ? "has(exception, 'OutOfMemoryError') || has(exception, 'GC overhead')" : grouped;
    const expression = engine.compile(source);
    return (v) => expression.evalSync(v);
  },
  '@gorules/zen-engine': (name) => {
    if (zen === undefined) return undefined;
    const source = name === 'E4' ? 'contains(exception, "OutOfMemoryError") or contains(exception, "GC overhead")' : words(cases[name].source).replaceAll('\n', ' ');
    return (v) => zen.evaluateExpressionSync(source, v);
  },
};

/** json-rules-engine has conditions and no arithmetic, and answers with a promise: what it cannot compute is handed over as another fact. */
function jsonRules(name) {
  if (name === 'E2') return undefined;
  const engine = new rules.Engine();
  const is = { '>': 'greaterThan', '<': 'lessThan', '>=': 'greaterThanInclusive', '<=': 'lessThanInclusive' };
  let any;
  if (name === 'E4') {
    engine.addOperator('has', (text, part) => text.includes(part));
    any = ['OutOfMemoryError', 'GC overhead'].map((value) => ({ fact: 'exception', operator: 'has', value }));
  } else {
    const source = cases[name].source.replace('heap_used / heap_max', 'heap_ratio');
    any = source.split('||').map((all) => ({
      all: all.split('&&').map((part) => {
        const [fact, operator, value] = part.trim().split(/\s+/);
        return { fact, operator: is[operator], value: Number(value) };
      }),
    }));
  }
  engine.addRule({ conditions: { any }, event: { type: 'yes' } });
  return async (v) => (await engine.run(name === 'E1' ? { ...v, heap_ratio: v.heap_used / v.heap_max } : v)).events.length > 0;
}

const sink = { value: 0 };
// Rounds are short and many, so that some of them are not disturbed by whatever else the machine does.
const time = (work, rows) => {
  globalThis.gc?.();
  let best = Infinity;
  let next = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let done = 0;
    const begin = process.hrtime.bigint();
    let took;
    do {
      const until = Math.min(next + CHUNK, rows.length);
      done += until - next;
      for (; next < until; next++) sink.value += work(rows[next]) ? 1 : 0;
      if (next === rows.length) next = 0;
      took = Number(process.hrtime.bigint() - begin);
    } while (took < ROUND_MS * 1e6);
    best = Math.min(best, took / done);
  }
  return best;
};
async function timeAsync(work, rows) {
  globalThis.gc?.();
  let best = Infinity;
  let next = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let done = 0;
    const begin = process.hrtime.bigint();
    let took;
    do {
      sink.value += (await work(rows[next])) ? 1 : 0;
      next = (next + 1) % rows.length;
      done += 1;
      took = Number(process.hrtime.bigint() - begin);
    } while (took < ROUND_MS * 1e6);
    best = Math.min(best, took / done);
  }
  return best;
}

const show = (ns) => (ns === undefined ? '–' : ns < 100 ? ns.toFixed(1) : Math.round(ns).toLocaleString('en'));
const table = (title, columns, lines) => {
  const all = [[title, ...columns], ...lines];
  const widths = all[0].map((_, i) => Math.max(...all.map((l) => l[i].length)));
  for (const [i, l] of all.entries()) {
    console.log(l.map((cell, j) => (j === 0 ? cell.padEnd(widths[j]) : cell.padStart(widths[j]))).join('  '));
    if (i === 0) console.log(widths.map((w) => '-'.repeat(w)).join('  '));
  }
  console.log();
};

console.log(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}\n`);
const names = Object.keys(cases);
const results = {};
for (const [engine, make] of Object.entries(engines)) {
  results[engine] = names.map((name) => {
    const { rows, native } = cases[name];
    let evaluate;
    try {
      evaluate = make(name);
      if (evaluate === undefined) return undefined;
      for (const row of rows.slice(0, 500)) {
        const [is, should] = [evaluate(row), native(row)];
        if (Number(is) !== Number(should)) throw new Error(`${is} instead of ${should}`);
      }
    } catch (error) {
      console.error(`${engine} cannot do ${name}: ${error.message}`);
      return undefined;
    }
    return time(evaluate, rows);
  });
}
results['json-rules-engine'] = [];
for (const name of names) {
  const evaluate = jsonRules(name);
  if (evaluate !== undefined) {
    for (const row of cases[name].rows.slice(0, 100)) {
      if ((await evaluate(row)) !== cases[name].native(row)) throw new Error(`json-rules-engine: ${name}`);
    }
  }
  results['json-rules-engine'].push(evaluate && (await timeAsync(evaluate, cases[name].rows.slice(0, 1024))));
}
table('ns an evaluation', names, Object.entries(results).map(([engine, times]) => [engine, ...times.map(show)]));

// Columns: a hundred thousand rows in one call, and the same as a loop over typed arrays.
const N = 100_000;
const loops = {
  E1: ({ cpu, lag, heap_used, heap_max }, into) => {
    for (let i = 0; i < N; i++) into[i] = (cpu[i] > 0.8 && lag[i] > 60000) || heap_used[i] / heap_max[i] > 0.9 ? 1 : 0;
  },
  E2: ({ parallelism, cpu, target, reserve }, into) => {
    for (let i = 0; i < N; i++) into[i] = Math.ceil(parallelism[i] * (cpu[i] / target[i]) * (1 + reserve[i]));
  },
  E3: (c, into) => {
    for (let i = 0; i < N; i++) {
      into[i] =
        (c.cpu[i] > 0.7 && c.heap[i] > 0.6 && c.lag[i] < 60000 && c.busy[i] >= 300) ||
        (c.gc[i] < 0.3 && c.restarts[i] <= 2 && c.backpressure[i] > 0.4 && c.records_in[i] > 4000) ||
        (c.records_out[i] < 6000 && c.threads[i] > 100 && c.cpu[i] < 0.3 && c.heap[i] <= 0.5) ||
        (c.lag[i] > 30000 && c.busy[i] < 800 && c.gc[i] > 0.2 && c.restarts[i] > 1) ||
        (c.backpressure[i] < 0.5 && c.records_in[i] < 5000 && c.records_out[i] > 3000 && c.threads[i] < 300)
          ? 1
          : 0;
    }
  },
};
const rust = inRust();
const columnTimes = ['E1', 'E2', 'E3'].map((name) => {
  const columns = Object.fromEntries(Object.entries(cases[name].ranges).map(([key, range]) => [key, Float64Array.from({ length: N }, () => between(range))]));
  const expression = new Expression(cases[name].source, Object.keys(columns));
  const into = name === 'E2' ? new Float64Array(N) : new Uint8Array(N);
  loops[name](columns, into);
  if (!expression.evaluateColumns(columns).every((x, i) => x === into[i])) throw new Error(`columns: ${name}`);
  const result = name === 'E2' ? new Float64Array(N) : new Uint8Array(N);
  return [
    time(() => expression.evaluateColumns(columns, result).length, [0]) / N,
    time(() => expression.evaluateColumns(columns).length, [0]) / N,
    rust[`columns ${name}`],
    time(() => loops[name](columns, into) ?? 1, [0]) / N,
  ];
});
table('ns a row, columns of 100,000', ['E1', 'E2', 'E3'], [
  ['dras, columns into an array that is there', ...columnTimes.map((t) => show(t[0]))],
  ['dras, columns', ...columnTimes.map((t) => show(t[1]))],
  ['the same in Rust', ...columnTimes.map((t) => show(t[2]))],
  ['loop over typed arrays in JavaScript', ...columnTimes.map((t) => show(t[3]))],
]);
table('times Rust', ['E1', 'E2', 'E3'], [
  ['dras, columns into an array that is there', ...columnTimes.map((t) => (t[0] / t[2]).toFixed(2))],
  ['dras, columns', ...columnTimes.map((t) => (t[1] / t[2]).toFixed(2))],
]);

/** What the same work takes in Rust, in ns, by its name. */
function inRust() {
  const folder = mkdtempSync(join(tmpdir(), 'dras-bench-'));
  try {
    const given = join(folder, 'cases.json');
    const columns = Object.entries(cases).filter(([name]) => name !== 'E4');
    writeFileSync(given, JSON.stringify(Object.fromEntries(columns.map(([name, { source, ranges }]) => [name, { source, ranges }]))));
    const args = ['bench', '--quiet', '--locked', '-p', 'dras-benches', '--bench', 'host', '--', given];
    const best = {};
    for (let run = 0; run < 3; run++) {
      const text = execFileSync(process.env.CARGO ?? 'cargo', args, { cwd: new URL('../..', import.meta.url), encoding: 'utf8' });
      for (const [what, ns] of Object.entries(JSON.parse(text.trim().split('\n').at(-1)))) best[what] = Math.min(ns, best[what] ?? Infinity);
    }
    return best;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// What a call costs, and what is around a decision. The document and the task are those of the Rust side.
const policy = new Policy({
  version: 1,
  metrics: { cpu: { unit: 'percent', per: 'task_manager', range: [0, 1] }, delay: { unit: 'ms', per: 'subtask', across: 'max' } },
  rules: [
    { name: 'busy', when: 'avg(cpu[5m]) > 80%', then: { parallelism: 'scale_to(parallelism, avg(cpu[5m]), 60%)' } },
    { name: 'late', when: 'min(delay[3m]) > 1m', then: { parallelism: 'parallelism * 2' } },
  ],
  limits: { parallelism: { min: 1, max: 16 } },
});
const NOW = 1_800_000_000_000;
const fed = (id, load = 90) => {
  const task = new Task(policy, id, { attributes: { parallelism: 4, task_managers: 2 } });
  const times = BigInt64Array.from({ length: 20 }, (_, i) => BigInt(NOW - (19 - i) * 15_000));
  for (const instance of ['tm-1', 'tm-2']) task.column('cpu', times, new Float64Array(20).fill(load), { now: NOW, instance });
  return task;
};
const task = fed('orders');
let now = NOW;
const nothing = new Expression('x > 0', ['x']);
const one = Float64Array.of(1);
const SAMPLES = 100_000;
const times = BigInt64Array.from({ length: SAMPLES }, (_, i) => BigInt(NOW - (SAMPLES - i) * 2));
const values = new Float64Array(SAMPLES).fill(50);
const fresh = () => {
  const task = new Task(policy, 'orders');
  task.column('cpu', times, values, { now: NOW, instance: 'tm-1' });
  task.dispose();
  return 1;
};
const scraped = fed('scraped');
let scrape = NOW;
// The clock is read once for as many calls, but for those that take long themselves.
const often = new Array(CHUNK).fill(0);
const overhead = [
  ['evaluateRow of `x > 0`', time(() => nothing.evaluateRow(one), often)],
  ['Expression.evaluate of `x > 0`', time(() => nothing.evaluate({ x: 1 }), often)],
  ['new Expression of E1, compiled', time(() => new Expression(cases.E1.source, Object.keys(cases.E1.ranges)).type.length, [0])],
  ['Task.row, two metrics', time(() => scraped.row({ cpu: 50, delay: 40 }, { now: (scrape += 15_000), instance: 'tm-1' }).stored, often)],
  ['Task.decide, with a change', time(() => task.decide((now += 1)).matters, often), rust.decide],
  ['Task.column, a sample (100,000 in a call, a new task each time)', time(fresh, [0]) / SAMPLES, rust.ingest],
  ['Task.decide and JSON.stringify', time(() => JSON.stringify(task.decide((now += 1))).length, often)],
  ['Task.decide and decision.json()', time(() => task.decide((now += 1)).json().length, often)],
];
const fleet = new Fleet(policy);
for (let i = 0; i < 20_000; i++) {
  fleet.add(fed(`job-${i}`, i % 100 === 0 ? 90 : 50));
}
let [tick, ingest] = [Infinity, Infinity];
const handles = Uint32Array.from(fleet.ids, (id) => fleet.series(id, 'cpu', 'tm-1'));
const samples = new Float64Array(handles.length).fill(50);
for (let i = 1; i <= 20; i++) {
  let begin = process.hrtime.bigint();
  fleet.ingest(handles, NOW + i, samples, { now: NOW + i });
  ingest = Math.min(ingest, Number(process.hrtime.bigint() - begin));
  begin = process.hrtime.bigint();
  await fleet.decide(NOW + i);
  tick = Math.min(tick, Number(process.hrtime.bigint() - begin));
}
overhead.push(['Fleet.ingest, a sample (20,000 tasks, one each)', ingest / 20_000]);
overhead.push(['Fleet.decide, a task (20,000 tasks, one in a hundred with a change, all cores)', tick / 20_000]);
table('ns', ['Node', 'Rust'], overhead.map(([what, ns, inRust]) => [what, show(ns), show(inRust)]));
if (sink.value === -1) console.log(sink);
