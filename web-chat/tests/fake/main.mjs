import { fileURLToPath } from 'node:url';
import { serve } from './server.mjs';

const token = process.env.TOWPATH_TOKEN ?? 'demo-token';
const { url } = await serve({ port: Number(process.env.PORT ?? 8099), dist: fileURLToPath(new URL('../../dist', import.meta.url)), token });
console.log(`${url}/?token=${token}`);
