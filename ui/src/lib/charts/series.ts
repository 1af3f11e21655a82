/** What a chart shows: curves over one time axis. Pure. */

/** A value at each time of the axis; null: there is none, undefined: none was due. */
export type Values = (number | null | undefined)[];

export interface Curve {
  label: string;
  values: Values;
  /** Which of the colours; curves that belong together share one. */
  colour: number;
  /** Drawn with gaps, to tell it from another of the same colour. */
  dashed?: boolean;
  /** Only the edge of a band to the next curve: without a line and a line in the legend. */
  edge?: boolean;
}

export interface Series {
  /** Seconds since the epoch, ascending. */
  times: number[];
  curves: Curve[];
}

/** Something that happened at a time, drawn over the curves. */
export interface Mark {
  /** Milliseconds since the epoch. */
  at: number;
  label: string;
}

export interface Measured {
  /** Milliseconds since the epoch. */
  at: number;
  value: number | null;
}

/** Puts curves that were measured at times of their own onto one axis. A pause in a curve that is
    longer than `longest` milliseconds is a gap, not a line. */
export function aligned(
  curves: readonly (Omit<Curve, 'values'> & { points: readonly Measured[] })[],
  longest: number,
): Series {
  const times = new Set<number>();
  for (const { points } of curves) {
    points.forEach(({ at }, index) => {
      const before = points[index - 1];
      if (before !== undefined && at - before.at > longest) times.add(before.at + longest / 2);
      times.add(at);
    });
  }
  const axis = [...times].sort((a, b) => a - b);
  const place = new Map(axis.map((at, index) => [at, index]));
  return {
    times: axis.map((at) => at / 1000),
    curves: curves.map(({ points, ...curve }) => {
      const values: Values = new Array(axis.length).fill(undefined);
      points.forEach(({ at, value }, index) => {
        const before = points[index - 1];
        if (before !== undefined && at - before.at > longest) {
          values.fill(null, (place.get(before.at) ?? 0) + 1, place.get(at));
        }
        values[place.get(at) ?? 0] = value;
      });
      return { ...curve, values };
    }),
  };
}

/** The values of bars that stand on one another: each with those of all curves that follow. */
export function stacked(curves: readonly Curve[]): Values[] {
  const above: number[] = [];
  return curves
    .toReversed()
    .map(({ values }) =>
      values.map((value, index) => {
        above[index] = (above[index] ?? 0) + (value ?? 0);
        return above[index];
      }),
    )
    .reverse();
}

export interface Totals {
  last: number;
  least: number;
  mean: number;
  most: number;
}

/** What is told of a curve where it cannot be drawn; null if it has no value. */
export function totals(values: Values): Totals | null {
  let [last, least, most, sum, count] = [
    0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    0,
    0,
  ];
  for (const value of values) {
    if (value === null || value === undefined) continue;
    last = value;
    least = Math.min(least, value);
    most = Math.max(most, value);
    sum += value;
    count += 1;
  }
  return count === 0 ? null : { last, least, mean: sum / count, most };
}

/** The value at a place of the axis, or the last one before it. */
export function valueAt(values: Values, index: number): number | null {
  for (let at = Math.min(index, values.length - 1); at >= 0; at -= 1) {
    const value = values[at];
    if (value !== undefined) return value;
  }
  return null;
}
