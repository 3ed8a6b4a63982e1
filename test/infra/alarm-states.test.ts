import { beforeAll, describe, expect, it } from "vitest";
import { type AlarmProperties, alarmStates, type Series } from "../support/metric-math.ts";
import { type Synthesised, synthesise } from "./synthesised.ts";

let stack: Synthesised;
beforeAll(async () => {
  stack = await synthesise({});
});

/** The number of the period, from 1, at whose end the alarm is on for the first time, and the last one. */
function onFrom(name: string, series: Readonly<Record<string, Series>>): readonly number[] {
  const alarm = stack.resources("AWS::CloudWatch::Alarm").get(`Alarms${name}`)?.Properties;
  // A template's alarm has these properties.
  const states = alarmStates(alarm as unknown as AlarmProperties, series);
  const on = states.flatMap((isOn, at) => (isOn ? [at + 1] : []));
  return on.length === 0 ? [] : [on[0] ?? 0, on.at(-1) ?? 0];
}

const NONE = undefined;
const times = (count: number, value: number | undefined): Series => Array.from({ length: count }, () => value);

/** Periods of five minutes. A thousand requests a second are 300,000 of them. */
const CASES: readonly (readonly [
  what: string,
  alarm: string,
  series: Readonly<Record<string, Series>>,
  on: readonly number[],
])[] = [
  ["five failures among a few requests", "Failing", { requests: [40, 40, 40], failed: [0, 5, NONE] }, [2, 2]],
  ["four failures, however few requests there are", "Failing", { requests: [4, 4], failed: [4, 4] }, []],
  ["five failures among 300,000 requests", "Failing", { requests: times(3, 300_000), failed: times(3, 5) }, []],
  ["one in five hundred of 300,000 requests", "Failing", { requests: times(3, 300_000), failed: [0, 600, 0] }, [2, 2]],
  ["no requests at all", "Failing", { requests: times(3, NONE), failed: times(3, NONE) }, []],
  [
    "all requests of one source, whatever the other sources do",
    "Refusingwiki",
    { refused: times(4, 21), accepted: times(4, NONE) },
    [3, 4],
  ],
  [
    "a quarter of an hour that ends",
    "Refusingwiki",
    { refused: [21, 21, NONE, 21], accepted: [NONE, NONE, 9, NONE] },
    [],
  ],
  ["twenty rejections", "Refusingwiki", { refused: times(5, 20) }, []],
  [
    "a scanner beside a source that works",
    "Refusingwiki",
    { refused: times(5, 100), ignored: times(5, 60), accepted: times(5, 50) },
    [],
  ],
  [
    "a mapping that is disabled while deliveries are recorded",
    "RelaySilent",
    { accepted: times(4, 300), polled: [700, NONE, NONE, NONE], filtered: [400, NONE, NONE, NONE] },
    [3, 4],
  ],
  [
    "a filter that a deployment broke: all is polled and nothing passes",
    "RelaySilent",
    { accepted: times(4, 300), polled: times(4, 900), filtered: [600, 900, 900, 900] },
    [3, 4],
  ],
  [
    "a source that sends once in half an hour to a relay that is not called",
    "RelaySilent",
    { accepted: [1, NONE, NONE, NONE, NONE, NONE, 1, NONE], polled: times(8, NONE) },
    [7, 8],
  ],
  [
    "a delivery that is relayed in the next period",
    "RelaySilent",
    { accepted: [1, NONE, 300, 300], polled: [NONE, 1, 598, 602], filtered: [NONE, NONE, 299, 301] },
    [],
  ],
  [
    "no requests at night",
    "RelaySilent",
    { accepted: times(13, NONE), polled: times(13, 4), filtered: times(13, 4) },
    [],
  ],
  ["one record that the stream dropped", "StreamDropped", { DroppedEventCount: [NONE, 0, 1, 0] }, [3, 3]],
  ["a delivery that waits for six minutes", "NotRelayed", { unrelayedMs: [12_000, 360_000, NONE] }, [2, 2]],
  ["deliveries that the next sweep publishes", "NotRelayed", { unrelayedMs: [61_000, 120_000, 61_000] }, []],
  ["a bus that takes nothing for ten minutes", "BusDown", { busDown: [NONE, 3, 300] }, [3, 3]],
  ["a bus that took nothing for a moment", "BusDown", { busDown: [NONE, 3, NONE] }, []],
  [
    "entries that fail for ten minutes",
    "PutEventsFailing",
    { failed: [NONE, 4, 4], throttled: times(3, NONE) },
    [3, 3],
  ],
  ["throttles for ten minutes", "PutEventsFailing", { failed: times(3, NONE), throttled: [NONE, 4, 4] }, [3, 3]],
  ["a burst that is throttled once", "PutEventsFailing", { failed: times(3, NONE), throttled: [NONE, 4, NONE] }, []],
  [
    "one event of one rule that is lost",
    "RulesLosing1",
    { m0: times(2, NONE), m1: [NONE, 1], m2: times(2, NONE) },
    [2, 2],
  ],
  ["an index that throttles its table's writes", "TableThrottled", { m1: [0, NONE, NONE], m3: [NONE, 5, 5] }, [3, 3]],
  ["a table that was throttled for a moment", "TableThrottled", { m1: [NONE, 5, NONE], m3: times(3, NONE) }, []],
  ["a schedule that stopped", "SweepSilent", { calls: [5, 5, NONE, NONE] }, [4, 4]],
  ["a sweep that runs", "SweepSilent", { calls: [5, 4, 5, 5] }, []],
  ["five minutes without a sweep, as during a deployment", "SweepSilent", { calls: [5, NONE, 5, 5] }, []],
  ["a message that reached no failure queue", "DeadLettersLost", { m0: [NONE, 1], m1: times(2, NONE) }, [2, 2]],
  ["a sweep that was dropped", "DeadLettersLost", { m0: times(2, NONE), m2: [NONE, 1] }, [2, 2]],
  ["a function that Lambda took for a loop", "LoopStopped", { m0: [NONE, 1] }, [2, 2]],
  ["the first action that was given up", "GivenUptekton", { sent: [NONE, 1], visible: [NONE, 1] }, [2, 2]],
  ["messages that nobody has looked at since", "GivenUptekton", { sent: times(4, 0), visible: times(4, 7) }, []],
  ["the next one beside them", "GivenUptekton", { sent: [0, 0, 1, 0], visible: [7, 7, 8, 8] }, [3, 3]],
  [
    "one that a redrive policy moved, which counts as no sent message",
    "GivenUptekton",
    { sent: times(3, NONE), visible: [7, 7, 8] },
    [3, 3],
  ],
  [
    "a person who looks at the messages",
    "GivenUptekton",
    { sent: times(4, 0), visible: [7, 0, 0, 7], hidden: [0, 7, 7, 0] },
    [],
  ],
  ["one that arrives while others are deleted", "GivenUptekton", { sent: [0, 1], visible: [7, 2] }, [2, 2]],
  ["an event that reached no queue", "FailureQueue", { sent: [0, NONE, 1], visible: [2, 2, 3] }, [3, 3]],
  ["actions that start late", "Latetekton", { ApproximateAgeOfOldestMessage: [10, 901, 10] }, [2, 2]],
  [
    "a target that fails until an action succeeds there",
    "Brokenpages",
    { failedInARow: [2, 6, NONE, NONE, 0] },
    [2, 4],
  ],
  ["batches that the sweep does not take", "StreamDeadLetters", { visible: times(4, 1), hidden: times(4, 0) }, [3, 4]],
  ["one message that could not be sent", "Unsent", { unsent: [NONE, 1, NONE] }, []],
  ["messages that cannot be sent", "Unsent", { unsent: [NONE, 12, 12, NONE] }, [3, 3]],
  [
    "a record that was spilled and recorded at once",
    "Spilled",
    { sent: [NONE, 1, NONE], visible: times(3, 0) },
    [2, 2],
  ],
  [
    "records that wait until the table works again",
    "Spilled",
    { sent: [NONE, 900, 0, 0], visible: [0, 900, 880, 0], hidden: [0, 0, 20, 0] },
    [2, 3],
  ],
  ["a relay that is behind", "RelayLate", { IteratorAge: [NONE, 60_001, 900] }, [2, 2]],
];

describe("an alarm", () => {
  it.each(CASES)("%s: %s", (_, name, series, on) => {
    expect(onFrom(name, series)).toEqual(on);
  });
});
