// A small control plane: jobs are registered, samples are posted, and decisions are served as JSON. What is kept is in memory.
//
//   node control-plane.mjs [PORT]
//
//   PUT  /jobs/orders          {"parallelism": 4, "task_managers": 1}     registers a job, or sets attributes of it
//   POST /jobs/orders/samples  {"instance": "tm-1", "values": {"cpu": 93}}
//   GET  /jobs/orders/decision                                            looks at it now
//   GET  /decisions                                                       looks at all jobs, and gives what matters
//   POST /jobs/orders/applied  {"key": "342b8f504a97ea71"}                says that an instruction was carried out

import { createServer } from 'node:http';
import { CompileError, DrasError, Fleet, InputError, InternalError, Policy } from 'dras';

const policy = new Policy({
  version: 1,
  name: 'etl',
  mode: 'active',
  metrics: { cpu: { unit: 'percent', per: 'task_manager', range: [0, 1] } },
  rules: [{ name: 'busy', when: 'cpu > 80%', then: { parallelism: 'scale_to(parallelism, cpu, 60%)' } }],
  limits: { parallelism: { min: 1, max: 32 } },
  // So that the example has something to show at once; a job that just started is otherwise left alone for a while.
  windows: { warm_up: '0s' },
});
const fleet = new Fleet(policy);

/** The JSON of a request, of at most 1 MiB. */
async function bodyOf(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > 1 << 20) throw new InputError('the body has more than 1 MiB', 'too_large');
    chunks.push(chunk);
  }
  try {
    return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new InputError(`the body is not JSON: ${error.message}`, 'json');
  }
}

function job(id) {
  const task = fleet.get(id);
  if (task === undefined) throw new InputError(`there is no job \`${id}\``, 'unknown_job');
  return task;
}

async function answer(request) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const [, jobs, id, what] = pathname.split('/').map(decodeURIComponent);
  const now = Date.now();
  switch (`${request.method} ${jobs}${id === undefined ? '' : '/:id'}${what === undefined ? '' : `/${what}`}`) {
    case 'PUT jobs/:id': {
      const attributes = await bodyOf(request);
      const known = fleet.has(id);
      if (known) fleet.get(id).set(attributes);
      else fleet.add(id, { attributes });
      return [known ? 200 : 201, job(id).attributes];
    }
    case 'POST jobs/:id/samples': {
      const { instance, values } = await bodyOf(request);
      return [200, job(id).row(values, { now, instance })];
    }
    case 'GET jobs/:id/decision':
      return [200, job(id).decide(now)];
    case 'GET decisions': {
      const decisions = await fleet.decide(now, { signal: AbortSignal.timeout(5_000) });
      return [200, { looked: decisions.looked, decisions: [...decisions] }];
    }
    case 'POST jobs/:id/applied': {
      const { key } = await bodyOf(request);
      job(id).applied(key, { now });
      return [200, job(id).history];
    }
    default:
      return [404, { error: `there is nothing at ${request.method} ${pathname}` }];
  }
}

const server = createServer(async (request, response) => {
  let status;
  let body;
  try {
    [status, body] = await answer(request);
  } catch (error) {
    // What the caller did wrong is told in dras' own words; the rest is nobody's business.
    const theirs = error instanceof DrasError && !(error instanceof InternalError);
    status = error.code === 'unknown_job' ? 404 : theirs || error instanceof URIError ? 400 : 500;
    body = status === 500 ? { error: 'internal error' } : { error: error.message, code: error.code };
    if (error instanceof CompileError) body.diagnostics = error.diagnostics;
    if (status === 500) console.error(error);
  }
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) });
  response.end(text);
});

server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.close());
