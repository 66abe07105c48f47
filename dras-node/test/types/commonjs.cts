import dras = require('dras');

const policy: dras.Policy = new dras.Policy('{}');
const task = new dras.Task(policy, 'orders');
const decision: dras.Decision = task.decide(1);
const code: string = new dras.InputError('x', 'y').code;
export { code, decision };
