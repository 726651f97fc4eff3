// Grafana's components for a panel's type. Heatmap and state timeline are not among what @grafana/ui exports, so that
// ./fallbacks.jsx draws those from the same frames.
import { useLayoutEffect } from "react";
import { getFieldDisplayValues } from "@grafana/data";
import { BarGauge, BigValue, TimeSeries } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";
import { Heatmap, StateTimeline } from "./fallbacks.jsx";

const NAME_HEIGHT = 8; // pixels between bars

export function Visualization(given) {
    switch (given.panel.type) {
        case "timeseries": return <Lines {...given} />;
        case "stat": return <Stats {...given} />;
        case "bargauge": return <Bars {...given} />;
        case "table": return <Rows {...given} />;
        case "heatmap": return <Heatmap {...given} />;
        case "state-timeline": return <StateTimeline {...given} />;
        default: throw new Error(`no drawing of panels of type ${given.panel.type}`);
    }
}

function Lines({ panel, frames, timeRange, width, height, marks, theme }) {
    return <TimeSeries frames={frames} timeRange={timeRange} timeZone="utc" width={width} height={height}
        legend={panel.options.legend} options={panel.options}>
        {(config) => <Marks config={config} marks={marks} theme={theme} />}
    </TimeSeries>;
}

/** Annotations: a dashed line at each moment, as Grafana's plugin draws them. */
function Marks({ config, marks, theme }) {
    useLayoutEffect(() => {
        config.addHook("draw", (plot) => {
            const { ctx, bbox } = plot;
            ctx.save();
            ctx.strokeStyle = ctx.fillStyle = theme.visualization.getColorByName("blue");
            ctx.lineWidth = 2;
            ctx.setLineDash([5, 5]);
            for (const { at } of marks) {
                const x = plot.valToPos(at, "x", true);
                if (x < bbox.left || x > bbox.left + bbox.width) continue;
                ctx.beginPath();
                ctx.moveTo(x, bbox.top);
                ctx.lineTo(x, bbox.top + bbox.height);
                ctx.stroke();
                ctx.beginPath();
                ctx.moveTo(x - 5, bbox.top + bbox.height + 6);
                ctx.lineTo(x + 5, bbox.top + bbox.height + 6);
                ctx.lineTo(x, bbox.top + bbox.height);
                ctx.fill();
            }
            ctx.restore();
        });
    }, [config, marks, theme]);
    return null;
}

function displayed({ panel, frames, theme }) {
    return getFieldDisplayValues({
        fieldConfig: panel.fieldConfig,
        reduceOptions: panel.options.reduceOptions,
        replaceVariables: (text) => text,
        theme,
        data: frames,
        timeZone: "utc",
    });
}

function Stats(given) {
    const { panel: { options }, width, height, theme } = given;
    const values = displayed(given);
    return <div style={{ display: "flex" }}>
        {values.map(({ display }, at) => <BigValue key={at} width={width / values.length} height={height} value={display} count={values.length}
            theme={theme} colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode} textMode={options.textMode} />)}
    </div>;
}

function Bars(given) {
    const { panel: { options }, width, height, theme } = given;
    const values = displayed(given);
    const each = Math.min(75, (height - NAME_HEIGHT * (values.length - 1)) / values.length);
    return <div style={{ display: "flex", flexDirection: "column", gap: NAME_HEIGHT, height, justifyContent: "center" }}>
        {values.map(({ display, field, view, colIndex }, at) => <BarGauge key={at} width={width} height={each} theme={theme} value={display} field={field}
            display={view?.getFieldDisplayProcessor(colIndex)} orientation={options.orientation} displayMode={options.displayMode}
            showUnfilled={options.showUnfilled} valueDisplayMode={options.valueMode} namePlacement={options.namePlacement} text={options.text} />)}
    </div>;
}

function Rows({ panel, frames, timeRange, width, height }) {
    return <TableNG data={frames[0]} width={width} height={height} noHeader={!panel.options.showHeader} cellHeight={panel.options.cellHeight}
        sortBy={panel.options.sortBy} timeRange={timeRange} fieldConfig={panel.fieldConfig} />;
}
