// A WebSocket server on the npm package `ws`; README.md has its modes and counters.

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';

const MODES = ['echo', 'silent', 'refuse', 'stall', 'reset', 'reset-after', 'close-after', 'broadcast'];
const { values: options } = parseArgs({
  options: {
    mode: { type: 'string', default: 'echo' },
    after: { type: 'string', default: '0' },
    'every-ms': { type: 'string', default: '20' },
    port: { type: 'string', default: '0' },
  },
});
if (!MODES.includes(options.mode)) throw new Error(`--mode must be one of ${MODES.join(', ')}`);
const after = Number(options.after);

const counters = { opened: 0, rejected: 0, closed: 0, max_open: 0, messages_in: 0, messages_out: 0, close_codes: {} };
const sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 2 ** 20, perMessageDeflate: false });

sockets.on('connection', (socket, request) => {
  counters.opened += 1;
  counters.max_open = Math.max(counters.max_open, counters.opened - counters.closed);
  let received = 0;
  let reset = false;
  const send = (data, binary) => {
    socket.send(data, { binary });
    counters.messages_out += 1;
  };
  const timer =
    options.mode === 'broadcast'
      ? setInterval(() => socket.readyState === socket.OPEN && send('{"news":"unsolicited"}', false), Number(options['every-ms']))
      : undefined;

  socket.on('message', (data, binary) => {
    if (reset) return;
    received += 1;
    counters.messages_in += 1;
    reset = options.mode === 'reset-after' && received === after;
    if (reset) request.socket.resetAndDestroy();
    else if (options.mode === 'silent' || socket.readyState !== socket.OPEN) return;
    else if (options.mode === 'close-after' && received === after) socket.close(1011, 'worn out');
    else send(data, binary);
  });
  socket.on('error', () => {});
  socket.on('close', (code) => {
    clearInterval(timer);
    counters.closed += 1;
    const seen = code === 1006 ? 'none' : String(code);
    counters.close_codes[seen] = (counters.close_codes[seen] ?? 0) + 1;
  });
});

const server = createServer();
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => {});
  if (['refuse', 'stall', 'reset'].includes(options.mode)) counters.rejected += 1;
  if (options.mode === 'refuse') socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  else if (options.mode === 'reset') socket.resetAndDestroy();
  else if (options.mode !== 'stall') sockets.handleUpgrade(request, socket, head, (open) => sockets.emit('connection', open, request));
});
server.listen({ port: Number(options.port), host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => process.stdout.write(`${JSON.stringify(counters)}\n`, () => process.exit(0)));
}
