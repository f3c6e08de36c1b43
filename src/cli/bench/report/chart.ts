/** Curves and bars as inline SVG: nothing is loaded from anywhere. */

export interface Series {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface ChartOptions {
  readonly title: string
  readonly xTitle: string
  readonly yTitle: string
  /** Decades instead of steps; values above zero only. */
  readonly xLogarithmic: boolean
}

const size = { width: 860, height: 340, left: 90, right: 20, top: 40, bottom: 55 }
/** Distinct to most eyes, also in grey. */
const colours = [
  '#0b5fa5',
  '#d1495b',
  '#2e8b57',
  '#8a5a00',
  '#6a4c93',
  '#444444',
  '#00798c',
  '#b56576',
]
const ticksWanted = 5

export function lineChart(options: ChartOptions, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points)
  if (all.length === 0) return ''
  const x = axis(
    all.map((point) => point.x),
    options.xLogarithmic,
    size.left,
    size.width - size.right,
  )
  const y = axis([0, ...all.map((point) => point.y)], false, size.height - size.bottom, size.top)
  const curves = series.map(({ name, points }, at) => {
    const path = points.map((point) => `${round(x.place(point.x))},${round(y.place(point.y))}`)
    return `<polyline fill="none" stroke="${colourOf(at)}" stroke-width="1.8" points="${path.join(' ')}"><title>${escaped(name)}</title></polyline>`
  })
  return frame(options, x, y, [...curves, ...legend(series.map(({ name }) => name))])
}

export function barChart(
  options: Omit<ChartOptions, 'xLogarithmic' | 'xTitle'>,
  bars: readonly { readonly name: string; readonly value: number }[],
): string {
  const y = axis([0, ...bars.map(({ value }) => value)], false, size.height - size.bottom, size.top)
  const room = (size.width - size.left - size.right) / bars.length
  const shapes = bars.map(({ name, value }, at) => {
    const top = y.place(value)
    const left = size.left + room * (at + 0.15)
    const middle = size.left + room * (at + 0.5)
    return `<rect x="${round(left)}" y="${round(top)}" width="${round(room * 0.7)}" height="${round(y.place(0) - top)}" fill="${colourOf(0)}"/>
<text x="${round(middle)}" y="${round(top - 5)}" text-anchor="middle">${brief(value)}</text>
<text x="${round(middle)}" y="${size.height - size.bottom + 18}" text-anchor="middle">${escaped(name)}</text>`
  })
  return frame({ ...options, xTitle: '', xLogarithmic: false }, null, y, shapes)
}

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
}

interface Axis {
  readonly ticks: readonly number[]
  place(value: number): number
}

function axis(values: readonly number[], logarithmic: boolean, from: number, to: number): Axis {
  const scale = logarithmic
    ? (value: number) => Math.log10(Math.max(value, 1e-3))
    : (v: number) => v
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const ticks = logarithmic ? decades(least, most) : steps(least, most)
  const low = Math.min(scale(least), scale(ticks[0] ?? least))
  const high = Math.max(scale(most), scale(ticks.at(-1) ?? most))
  const span = high - low || 1
  return { ticks, place: (value) => from + ((scale(value) - low) / span) * (to - from) }
}

function decades(least: number, most: number): number[] {
  const from = Math.floor(Math.log10(Math.max(least, 1e-3)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(most, 1e-3))))
  return Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at))
}

function steps(least: number, most: number): number[] {
  const rough = (most - least) / ticksWanted || 1
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10)
  const from = Math.floor(least / step)
  const to = Math.ceil(most / step)
  return Array.from({ length: to - from + 1 }, (_, at) => (from + at) * step)
}

function frame(options: ChartOptions, x: Axis | null, y: Axis, content: readonly string[]): string {
  const bottom = size.height - size.bottom
  const rows = y.ticks.map(
    (tick) =>
      `<line x1="${size.left}" x2="${size.width - size.right}" y1="${round(y.place(tick))}" y2="${round(y.place(tick))}" stroke="#ddd"/><text x="${size.left - 8}" y="${round(y.place(tick) + 4)}" text-anchor="end">${brief(tick)}</text>`,
  )
  const columns = (x?.ticks ?? []).map(
    (tick) =>
      `<line x1="${round(x?.place(tick) ?? 0)}" x2="${round(x?.place(tick) ?? 0)}" y1="${bottom}" y2="${bottom + 5}" stroke="#888"/><text x="${round(x?.place(tick) ?? 0)}" y="${bottom + 18}" text-anchor="middle">${brief(tick)}</text>`,
  )
  return `<figure><svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escaped(options.title)}">
<text x="${size.left}" y="20" class="title">${escaped(options.title)}</text>
<text x="${size.width / 2}" y="${size.height - 12}" text-anchor="middle">${escaped(options.xTitle)}</text>
<text x="14" y="${size.height / 2}" text-anchor="middle" transform="rotate(-90 14 ${size.height / 2})">${escaped(options.yTitle)}</text>
${[...rows, ...columns, ...content].join('\n')}
</svg></figure>`
}

function legend(names: readonly string[]): string[] {
  return names.map(
    (name, at) =>
      `<text x="${size.width - size.right}" y="${size.top + 14 + at * 16}" text-anchor="end" fill="${colourOf(at)}">${escaped(name)}</text>`,
  )
}

function colourOf(at: number): string {
  return colours[at % colours.length] ?? '#000'
}

function brief(value: number): string {
  return value.toLocaleString('en', { notation: 'compact', maximumFractionDigits: 2 })
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
