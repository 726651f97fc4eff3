// Ping-pong of bursts for SECONDS: the next burst leaves when the last reply has come.
import ws from 'k6/ws';

const burst = Number(__ENV.BURST);
const seconds = Number(__ENV.SECONDS);

export const options = { vus: Number(__ENV.VUS), iterations: Number(__ENV.VUS) };

export default function () {
  ws.connect(__ENV.URL, {}, function (socket) {
    let waiting = 0;
    const send = function () {
      for (let i = 0; i < burst; i++) {
        socket.send('xxxxxxxxxxxxxxxxxxxx');
      }
      waiting = burst;
    };
    socket.on('open', send);
    socket.on('message', function () {
      waiting -= 1;
      if (waiting === 0) {
        send();
      }
    });
    socket.setTimeout(function () {
      socket.close();
    }, seconds * 1000);
  });
}
