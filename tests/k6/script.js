import ws from 'k6/ws';
import { check } from 'k6';
export const options = {
  scenarios: { default: { executor: 'per-vu-iterations', vus: 3, iterations: 2 } },
  thresholds: { ws_connecting: ['p(95)<100'], ws_msgs_sent: ['count>1', 'count<10'], checks: ['rate>0.99'], 'ws_sessions{scenario:default}': ['count==6'] },
};
export default function () {
  const res = ws.connect(__ENV.URL, { tags: { test: 'fixture' } }, function (socket) {
    let left = 4;
    socket.on('open', () => { for (let i = 0; i < 4; i++) socket.send(`${i}`); });
    socket.on('message', () => { if (--left === 0) socket.close(); });
  });
  check(res, { 'status is 101': (r) => r && r.status === 101 });
}
