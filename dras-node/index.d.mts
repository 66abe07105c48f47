export * from './index.cjs';
import * as dras from './index.cjs';
export default dras;
