/** Runs the browser suite against the stand-in: a quick check of the page alone. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { serve } from './server.mjs';

const { url, close } = await serve({ dist: fileURLToPath(new URL('../../dist', import.meta.url)), token: 'demo-token', pace: 8 });
const suite = spawn(process.execPath, ['--test', '--test-concurrency=1', ...process.argv.slice(2), fileURLToPath(new URL('../browser/page.test.mjs', import.meta.url))], { stdio: 'inherit', env: { ...process.env, TOWPATH_URL: url, TOWPATH_TOKEN: 'demo-token' } });
suite.on('exit', (code) => { close(); process.exitCode = code ?? 1; });
