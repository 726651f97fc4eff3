// A WebSocket server on the npm package `ws`; README.md has its modes and counters.

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';

const MODES = ['echo', 'silent', 'refuse', 'stall', 'reset', 'reset-after', 'close-after', 'broadcast'].concat(
  ['reorder', 'duplicate', 'drop', 'wrong-id', 'no-id', 'truncate', 'slow'],
  ['ping', 'slow-pong', 'last-pong', 'no-pong'],
);
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

const counters = { opened: 0, rejected: 0, closed: 0, max_open: 0, messages_in: 0, messages_out: 0, close_codes: {},
  binary_in: 0, pings_in: 0, pongs_in: 0, pings_out: 0 };
const sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 2 ** 20, perMessageDeflate: false,
  autoPong: !options.mode.endsWith('-pong') });
const pause = Number(options['every-ms']);

// What an echo that is not faithful sends for the message `number` (from 1) of a connection, in this order.
function answers(number, data) {
  if (options.mode === 'duplicate') return [data, data];
  if (after === 0 || number % after !== 0) return [data];
  if (options.mode === 'drop') return [];
  if (options.mode === 'wrong-id') return ['{"id":"nobody\'s"}'];
  if (options.mode === 'no-id') return ['{"news":true}'];
  if (options.mode === 'truncate') return [data.subarray(0, data.length / 2)];
  return [data];
}

sockets.on('connection', (socket, request) => {
  counters.opened += 1;
  counters.max_open = Math.max(counters.max_open, counters.opened - counters.closed);
  let received = 0;
  let reset = false;
  const send = (data, binary) => {
    socket.send(data, { binary });
    counters.messages_out += 1;
  };
  const later = (act) => setTimeout(() => socket.readyState === socket.OPEN && act(), pause);
  const held = [];
  let pinged;
  const ping = () => {
    socket.ping('are you there?');
    counters.pings_out += 1;
    later(ping);
  };
  if (options.mode === 'ping') ping();
  socket.on('pong', () => (counters.pongs_in += 1));
  socket.on('ping', (data) => {
    counters.pings_in += 1;
    if (options.mode === 'slow-pong') later(() => socket.pong(data));
    if (options.mode !== 'last-pong') return;
    if (pinged === undefined) later(() => (socket.pong(pinged), (pinged = undefined)));
    pinged = data;
  });
  const timer =
    options.mode === 'broadcast'
      ? setInterval(() => socket.readyState === socket.OPEN && send('{"news":"unsolicited"}', false), Number(options['every-ms']))
      : undefined;

  socket.on('message', (data, binary) => {
    if (reset) return;
    received += 1;
    counters.messages_in += 1;
    counters.binary_in += Number(binary);
    reset = options.mode === 'reset-after' && received === after;
    if (reset) request.socket.resetAndDestroy();
    else if (options.mode === 'silent' || socket.readyState !== socket.OPEN) return;
    else if (options.mode === 'close-after' && received === after) socket.close(1011, 'worn out');
    else if (options.mode === 'slow') later(() => send(data, binary));
    else if (options.mode === 'reorder') {
      held.push(data);
      if (held.length === after) held.splice(0).reverse().forEach((one) => send(one, binary));
    } else answers(received, data).forEach((one) => send(one, binary));
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
