import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Assigner, InputError, InputTypeError, Library, Policy, PolicyError, TaskError, Template } from 'dras';
import { DOCUMENT, policy, throws } from './support.mjs';

test('a policy says what it consists of', () => {
  const etl = policy();
  assert.equal(etl.name, 'etl');
  assert.equal(etl.mode, 'monitor');
  assert.match(etl.fingerprint, /^[0-9a-f]{16}$/);
  assert.deepEqual(etl.rules.map((rule) => [rule.name, rule.for, rule.alert]), [['busy', 0, null], ['late', 0, null], ['oom', 0, 'out of memory']]);
  assert.deepEqual(etl.metrics.map((metric) => [metric.name, metric.kind, metric.unit]), [['cpu', 'gauge', 'percent'], ['delay', 'gauge', 'ms'], ['exceptions', 'event', 'number']]);
  assert.deepEqual(etl.attributes.filter((a) => ['team', 'quota', 'batch', 'uptime'].includes(a.name)).map((a) => a.type).sort(), ['bool', 's', 's', 'text']);
  assert.deepEqual(etl.limits, { parallelism: { min: 1, max: 16 } });
  assert.ok(etl.bytesPerTask(4) > etl.bytesPerTask(1));
  assert.throws(() => { etl.name = 'other'; }, TypeError);
  assert.throws(() => etl.rules.push(1), TypeError);
});

test('objects, texts and bytes are the same document', () => {
  const text = JSON.stringify(DOCUMENT);
  const all = [new Policy(DOCUMENT), new Policy(text), new Policy(Buffer.from(text)), new Policy(new Uint8Array(Buffer.from(text)))];
  assert.equal(new Set(all.map((p) => p.fingerprint)).size, 1);
  assert.notEqual(policy({ name: 'other' }).fingerprint, all[0].fingerprint);
});

test('everything that is wrong is said at once, with its place', () => {
  const text = `{
  "version": 1,
  "rules": [
    {"name": "a", "when": "uptimee > 5m", "then": {"parallelism": "2"}},
    {"name": "b", "when": "task_manager_memory < 4096", "then": {"parallelism": "2"}}
  ]
}`;
  try {
    new Policy(text);
    assert.fail();
  } catch (error) {
    assert.ok(error instanceof PolicyError);
    assert.deepEqual(error.diagnostics.map((d) => [d.code, d.path]), [['E0201', 'rules[0].when'], ['E0303', 'rules[1].when']]);
    assert.equal(error.code, 'E0201');
    assert.match(error.message, /^error\[E0201\]: unknown name `uptimee`\n/);
    assert.match(error.message, /did you mean `uptime`\?/);
    assert.equal(error.message, error.diagnostics.map((d) => d.rendered).join('\n\n'));
  }
});

test('positions count UTF-16 code units', () => {
  try {
    new Policy({ version: 1, rules: [{ name: 'a', when: "task_type == 'é😀' && cpuu > 1", then: { parallelism: '1' } }] });
    assert.fail();
  } catch (error) {
    const [{ source, span, column }] = error.diagnostics;
    assert.equal(source.slice(span.start, span.end), 'cpuu');
    assert.deepEqual([span.start, column], [22, 22]);
  }
});

test('warnings are not errors', () => {
  const { warnings } = new Policy({ version: 1, strategies: [{ use: 'cpu' }], params: { spare: 2 } });
  assert.equal(warnings[0].message, 'the parameter `spare` is not used');
  assert.equal(warnings[0].severity, 'warning');
});

test('parameters say where their values come from', () => {
  const { parameters } = new Policy({ version: 1, strategies: [{ use: 'cpu', params: { high: '75%' } }], params: { late: '1m' }, rules: [{ name: 'a', when: 'uptime > late', alert: 'x' }] });
  const high = parameters.find((p) => p.name === 'cpu.high');
  assert.deepEqual([high.value, high.origin.from, high.origin.path], ['75%', 'override', 'strategies[0].params.high']);
  assert.equal(parameters.find((p) => p.name === 'late').origin.from, 'document');
});

test('lint finds what compiles and makes no sense', () => {
  assert.deepEqual(policy().lint().map((d) => [d.code, d.severity]), [['I0201', 'info']]);
  const odd = new Policy({
    version: 1,
    metrics: { cpu: { range: [0, 1] } },
    rules: [{ name: 'never', when: 'avg(cpu[7d]) > 0.8 && avg(cpu[7d]) < 0.2', then: { parallelism: 'parallelism + 1' } }],
  });
  const codes = (found) => found.map((d) => d.code);
  assert.ok(codes(odd.lint()).includes('W0201'), 'can never be true');
  const beyond = odd.lint({ retention: '1d' });
  assert.ok(beyond.length > odd.lint().length);
  assert.deepEqual(odd.lint({ retention: 86_400_000 }), beyond);
  for (const retention of [-1, NaN]) throws(() => odd.lint({ retention }), InputError, 'duration');
  throws(() => odd.lint({ retention: '5GiB' }), InputError, 'unit');
  throws(() => odd.lint({ retention: 'long' }), InputError, 'quantity');
  throws(() => odd.lint({ retention: {} }), InputTypeError, 'type');
});

test('strategies can be read, copied and changed', () => {
  const all = Template.all();
  assert.ok(all.map((t) => t.name).includes('cpu'));
  const cpu = new Template('cpu');
  assert.ok('high' in cpu.params);
  assert.deepEqual(JSON.parse(cpu.toJson()), cpu.document);
  for (const template of all) {
    const copied = new Policy(template.document);
    const used = new Policy({ version: 1, strategies: [{ use: template.name }] });
    assert.deepEqual(copied.rules.map((r) => r.name), used.rules.map((r) => r.name));
  }
  throws(() => new Template('gpu'), InputError, 'unknown_template', /there are .*cpu/);
});

test('documents extend others', () => {
  const library = new Library([{ version: 1, name: 'base', params: { late: { value: '1m', max: '1h' } }, rules: [{ name: 'up', when: 'uptime > late', then: { parallelism: '2' } }] }]);
  assert.equal(library.add('{"version": 1, "name": "orders", "extends": "base", "params": {"late": "5m"}}'), 'orders');
  assert.deepEqual(library.names, ['base', 'orders']);
  assert.deepEqual([library.parents('orders'), library.dependents('base')], [['base'], ['orders']]);
  const resolved = library.resolve('orders');
  assert.deepEqual(resolved.documents, ['base', 'orders']);
  assert.ok(resolved.values.some((v) => v.document === 'orders' && v.at === 'params.late'));
  assert.match(String(resolved), /params\.late/);
  assert.deepEqual(library.policy('orders').rules.map((r) => r.name), ['up']);
  assert.deepEqual(library.replace({ version: 1, name: 'base', params: { late: '2m' }, rules: [{ name: 'two', when: 'uptime > late', then: { parallelism: '2' } }] }), ['base', 'orders']);
  assert.deepEqual(library.policy('orders').rules.map((r) => r.name), ['two']);
  assert.throws(() => library.remove('base'), PolicyError);
  assert.throws(() => library.add({ version: 1, name: 'orders' }), PolicyError);
  assert.throws(() => library.policy('nothing'), PolicyError);
  assert.deepEqual(library.names, ['base', 'orders']);
});

test('assignments choose a document', () => {
  const assigner = new Assigner({
    version: 1,
    attributes: { team: { type: 'text' }, quota: { type: 'number', unit: 'GiB' } },
    assignments: [{ when: 'quota > 64GiB', document: 'large' }, { when: "team == 'orders'", document: 'orders' }],
    default: 'etl',
  });
  assert.deepEqual(assigner.documents, ['large', 'orders', 'etl']);
  const assigned = assigner.assign({ team: 'orders' });
  assert.deepEqual([assigned.document, assigned.index, assigned.undefined[0].document], ['orders', 1, 'large']);
  assert.match(String(assigned), /^document `orders`: assignments\[1\]/);
  assert.equal(assigner.assign({ team: 'bills', quota: 1 }).document, 'etl');
  assert.equal(assigner.assign({ teem: 'x' }).document, 'etl', 'other documents may know other attributes');
  throws(() => assigner.assign({ team: 5 }), TaskError, 'attribute_type');
  assert.equal(assigner.check(new Library([{ version: 1, name: 'etl' }])).length, 2);
  assert.throws(() => new Assigner({ version: 1, assignments: [{ when: 'cpu >', document: 'x' }] }), PolicyError);
});

test('a policy keeps its document', () => {
  const document = { version: 1, name: 'x', guards: { excluded: [{ daily: '22:00-06:00' }] }, rules: [{ name: 'a', when: 'uptime > 5m', then: { parallelism: '2' } }] };
  for (const given of [document, JSON.stringify(document), Buffer.from(JSON.stringify(document))]) {
    const policy = new Policy(given);
    assert.deepEqual(policy.document, document);
    assert.deepEqual(policy.guards, document.guards);
    assert.equal(new Policy(policy.document).fingerprint, policy.fingerprint);
    assert.ok(Object.isFrozen(policy.document.rules[0]));
  }
  const bytes = Buffer.from(JSON.stringify(document));
  const policy = new Policy(bytes);
  bytes.fill(0);
  assert.deepEqual(policy.document, document);
  const library = new Library([{ version: 1, name: 'base', rules: document.rules }, { version: 1, name: 'y', extends: 'base' }]);
  assert.equal(library.policy('y').document.rules[0].name, 'a');
});
