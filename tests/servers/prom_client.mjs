// Metrics of the npm package `prom-client`; README.md says what every server has in common.

import { createServer } from 'node:http';
import client from 'prom-client';

client.collectDefaultMetrics();
const requests = new client.Counter({ name: 'http_requests_total', help: 'Requests.', labelNames: ['path', 'code'] });

const server = createServer(async (request, response) => {
  requests.inc({ path: `a "quoted" \\ path\nof two lines`, code: '200' });
  response.setHeader('Content-Type', client.register.contentType);
  response.end(await client.register.metrics());
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
process.on('SIGTERM', () => process.exit(0));
