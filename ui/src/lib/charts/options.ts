/** How uPlot draws a chart. */

import uPlot from 'uplot';
import { clock, moment } from '$lib/format';
import type { Colours } from './colours.svelte';
import type { Mark, Series } from './series';

export interface Look {
  width: number;
  height: number;
  series: Series;
  colours: Colours;
  /** The time shown, in seconds since the epoch; asked for at each drawing. */
  range: () => [number, number];
  /** The end of the vertical axis, if it is always the same. */
  top: () => number | undefined;
  /** A value as it is written at the vertical axis. */
  write: (value: number) => string;
  marks: () => readonly Mark[];
  /** Values are drawn as bars from one time to the next, instead of as a line through them. */
  bars: boolean;
  /** The pointer is at this place of the axis; null: nowhere. */
  onpoint: (index: number | null) => void;
}

const TOGETHER = 'performance'; // charts whose pointers move as one
const BARS = uPlot.paths.bars?.({ align: 1, size: [0.85, 60] });
const DASHES: Record<'dashed' | 'solid', number[]> = { dashed: [4, 3], solid: [] };

export function options(look: Look): uPlot.Options {
  const { colours, series, write } = look;
  const axis = {
    stroke: colours.text,
    font: '11px system-ui, sans-serif',
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    width: look.width,
    height: look.height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: {
      drag: { x: false, y: false },
      sync: { key: TOGETHER },
      points: { size: 7 },
      y: false,
    },
    scales: {
      x: { time: true, range: look.range },
      y: { range: (_, __, most) => [0, look.top() ?? Math.max(1, most * 1.1)] },
    },
    axes: [
      { ...axis, space: 70, size: 26, values: (_, at) => at.map(time(look.range)) },
      {
        ...axis,
        space: 32,
        size: 60,
        gap: 4,
        values: (_, at) => at.map((value) => short(write(value))),
      },
    ],
    series: [
      {},
      ...series.curves.map((curve) => {
        const stroke = colours.curves[curve.colour % colours.curves.length] ?? colours.text;
        return {
          label: curve.label,
          stroke,
          width: curve.edge || look.bars ? 0 : 1.5,
          dash: DASHES[curve.dashed ? 'dashed' : 'solid'],
          points: { show: !look.bars, size: 4, fill: stroke, filter: lonely },
          ...(look.bars && BARS ? { fill: stroke, paths: BARS } : {}),
        };
      }),
    ],
    bands: bands(look),
    hooks: {
      draw: [(chart) => drawMarks(chart, look)],
      setCursor: [({ cursor }) => look.onpoint(cursor.idx ?? null)],
    },
  };
}

/** Ticks are round, and need no zeros behind the point. */
function short(text: string): string {
  return text.replace(/\.0+(?!\d)/, '');
}

/** Seconds are written only where they tell something, and days only where there are several. */
function time(range: Look['range']): (at: number) => string {
  const [from, to] = range();
  return (at) => {
    const date = new Date(at * 1000);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0;
    if (midnight && severalDays(from, to)) return moment(date).slice(5, 10);
    return clock(date).slice(0, to - from > 400 ? 5 : 8);
  };
}

/** Whether a time (in seconds) has more than one day. */
export function severalDays(from: number, to: number): boolean {
  return to - from > 24 * 3600;
}

/** Values between two gaps, which would be no line at all. */
function lonely({ data }: uPlot, curve: number): number[] {
  const values = data[curve] ?? [];
  return [...values.keys()].filter((at) => {
    if (typeof values[at] !== 'number') return false;
    let [left, right] = [at - 1, at + 1];
    while (left >= 0 && values[left] === undefined) left -= 1;
    while (right < values.length && values[right] === undefined) right += 1;
    return typeof values[left] !== 'number' && typeof values[right] !== 'number';
  });
}

/** Between two edges that follow one another. */
function bands({ series, colours }: Look): uPlot.Band[] {
  return series.curves.flatMap(({ edge, colour }, index) => {
    if (!edge || !series.curves[index + 1]?.edge) return [];
    const stroke = colours.curves[colour % colours.curves.length] ?? colours.text;
    return [{ series: [index + 1, index + 2] as [number, number], fill: translucent(stroke) }];
  });
}

function translucent(colour: string): string {
  return colour.replace(/^rgba?\((\d+), (\d+), (\d+).*$/, 'rgb($1 $2 $3 / 22%)');
}

const ROOM = 64; // pixels that a word over the curves takes at least
const APART = 5; // pixels between two lines that are told apart

function drawMarks(chart: uPlot, { marks, colours }: Look): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colours.text;
  ctx.fillStyle = colours.text;
  ctx.lineWidth = ratio;
  ctx.setLineDash([ratio, 2 * ratio]);
  ctx.font = `${10 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = 'top';
  let [free, drawn] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { at, label } of marks()) {
    const x = Math.round(chart.valToPos(at / 1000, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width || x < drawn + APART * ratio) continue;
    drawn = x;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (x < free) continue;
    const room = ctx.measureText(label).width + 6 * ratio;
    const left = x + room > bbox.left + bbox.width; // no room on the right
    ctx.textAlign = left ? 'right' : 'left';
    ctx.fillText(label, x + (left ? -3 : 3) * ratio, bbox.top + 2 * ratio);
    free = x + Math.max(ROOM * ratio, room);
  }
  ctx.restore();
}
