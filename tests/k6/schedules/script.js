// One line for each iteration that k6 begins: who, which and when. The case comes from run.py.
import exec from 'k6/execution';
import { sleep } from 'k6';

const test = JSON.parse(__ENV.CASE);

export const options = { ...test.options, summaryTrendStats: ['count'] };

export default function () {
  const ms = Date.now() - exec.scenario.startTime;
  console.log(JSON.stringify([exec.scenario.name, exec.vu.idInTest, exec.scenario.iterationInTest, ms]));
  sleep(test.sleep_ms / 1000);
}
