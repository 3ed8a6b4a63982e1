/** One value for each period; undefined where the service sends none. */
export type Series = readonly (number | undefined)[];

/** The properties of an alarm in a template that decide when it starts. */
export interface AlarmProperties {
  readonly MetricName?: string;
  readonly Metrics?: readonly { readonly Id: string; readonly Expression?: string; readonly ReturnData?: boolean }[];
  readonly Threshold: number;
  readonly EvaluationPeriods: number;
  readonly DatapointsToAlarm?: number;
  readonly TreatMissingData: "notBreaching" | "breaching" | "ignore";
}

/**
 * Whether an alarm is on at the end of each period. The series are named like the metrics of its expression, or like its
 * only metric. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
 */
export function alarmStates(alarm: AlarmProperties, series: Readonly<Record<string, Series>>): readonly boolean[] {
  const periods = Math.max(...Object.values(series).map(({ length }) => length));
  const values = valuesOf(alarm, series, periods);
  const states: boolean[] = [];
  for (let at = 0; at < periods; at++) {
    const looked = Array.from({ length: alarm.EvaluationPeriods }, (_, back) => values[at - back]);
    if (alarm.TreatMissingData === "ignore" && looked.every((value) => value === undefined)) {
      states.push(states.at(-1) ?? false);
      continue;
    }
    const missing = alarm.TreatMissingData === "breaching";
    const above = looked.filter((value) => (value === undefined ? missing : value > alarm.Threshold));
    states.push(above.length >= (alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods));
  }
  return states;
}

function valuesOf(
  { MetricName, Metrics = [] }: AlarmProperties,
  series: Readonly<Record<string, Series>>,
  periods: number,
): Series {
  const returned = Metrics.find(({ Expression }) => Expression !== undefined);
  if (returned?.Expression === undefined) return series[MetricName ?? ""] ?? unknown(MetricName ?? "");
  const ids = Metrics.filter(({ Expression }) => Expression === undefined).map(({ Id }) => Id);
  for (const name of Object.keys(series)) if (!ids.includes(name)) unknown(name);
  const all = Object.fromEntries(ids.map((id) => [id, series[id] ?? []]));
  return evaluated(returned.Expression, all, periods);
}

/**
 * CloudWatch's metric math, as far as our alarms use it. An operation on two series takes a missing value as 0 if the other
 * has one. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */
function evaluated(expression: string, series: Readonly<Record<string, Series>>, periods: number): Series {
  const tokens = expression.match(/[A-Za-z_]\w*|\d+(?:\.\d+)?|==|!=|<=|>=|[-+*/<>(),]/g) ?? [];
  if (tokens.join("") !== expression.replaceAll(/\s/g, "")) unknown(expression);
  let next = 0;
  const all = (valueAt: (at: number) => number | undefined): Series =>
    Array.from({ length: periods }, (_, at) => valueAt(at));
  const take = (token: string): void => {
    if (tokens[next++] !== token) unknown(`${expression}: no ${token} at ${next}`);
  };

  function operation(level: number): Series {
    const operators = LEVELS[level];
    if (operators === undefined) return term();
    let left = operation(level + 1);
    for (let operate = operators[tokens[next] ?? ""]; operate !== undefined; operate = operators[tokens[next] ?? ""]) {
      next++;
      const [one, two, apply] = [left, operation(level + 1), operate];
      left = all((at) =>
        one[at] === undefined && two[at] === undefined ? undefined : apply(one[at] ?? 0, two[at] ?? 0),
      );
    }
    return left;
  }

  function term(): Series {
    const token = tokens[next++] ?? unknown(expression);
    if (token === "(") {
      const inner = operation(0);
      take(")");
      return inner;
    }
    if (/^\d/.test(token)) return all(() => Number(token));
    if (tokens[next] !== "(") {
      const found = series[token] ?? unknown(token);
      return all((at) => found[at]);
    }
    take("(");
    const given = [operation(0)];
    while (tokens[next] === ",") {
      next++;
      given.push(operation(0));
    }
    take(")");
    return called(token, given);
  }

  function called(name: string, [first = [], second = [], third = []]: readonly Series[]): Series {
    if (name === "FILL") return all((at) => first[at] ?? second[at]);
    if (name === "IF")
      return all((at) => {
        if (first[at] === undefined) return undefined;
        return first[at] === 0 ? third[at] : second[at];
      });
    const previous = (at: number) => (at === 0 ? undefined : first[at - 1]);
    if (name === "DIFF")
      return all((at) => {
        const [now, before] = [first[at], previous(at)];
        return now === undefined || before === undefined ? undefined : now - before;
      });
    return unknown(name);
  }

  const value = operation(0);
  if (next !== tokens.length) unknown(expression);
  return value;
}

type Operate = (one: number, two: number) => number;

/** By precedence, the weakest first. */
const LEVELS: readonly Readonly<Record<string, Operate>>[] = [
  { OR: (one, two) => Number(one !== 0 || two !== 0) },
  { AND: (one, two) => Number(one !== 0 && two !== 0) },
  {
    "==": (one, two) => Number(one === two),
    "!=": (one, two) => Number(one !== two),
    "<": (one, two) => Number(one < two),
    ">": (one, two) => Number(one > two),
    "<=": (one, two) => Number(one <= two),
    ">=": (one, two) => Number(one >= two),
  },
  { "+": (one, two) => one + two, "-": (one, two) => one - two },
  { "*": (one, two) => one * two, "/": (one, two) => one / two },
];

function unknown(what: string): never {
  throw new Error(`metric math: ${what}`);
}
