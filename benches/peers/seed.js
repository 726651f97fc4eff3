// The k6 job that rampd replaces, changed only in its time scale: SPEED divides the durations.
import ws from 'k6/ws';
import { check, sleep } from 'k6';

const speed = Number(__ENV.SPEED || 1);

export const options = {
  stages: [
    { duration: `${30 / speed}s`, target: 100 },
    { duration: `${60 / speed}s`, target: 2000 },
    { duration: `${60 / speed}s`, target: 0 },
  ],
  thresholds: {
    ws_connecting: ['p(99)<200'],
    ws_msgs_sent: ['count>10000'],
  },
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'],
};

export default function () {
  const params = { tags: { test: 'quantum-ws' } };
  const url = __ENV.QUANTUM_WS_URL || 'wss://quantum.example.com/ws';

  const res = ws.connect(url, params, function (socket) {
    socket.on('open', function open() {
      for (let i = 0; i < 100; i++) {
        socket.send(JSON.stringify({ op: 'test', payload: i }));
      }
    });
    socket.on('message', function () {});
    socket.on('close', function () {});
    sleep(1 / speed);
  });

  check(res, { 'status is 101': (r) => r && r.status === 101 });
}
