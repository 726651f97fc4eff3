// A dashboard on its grid, as Grafana lays it out.
import { Component, Suspense, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { EventBusSrv, ThemeContext, createTheme, dateTime } from "@grafana/data";
import { GlobalStyles, PanelChrome, PanelContextProvider } from "@grafana/ui";
import { framesOf } from "./frames.js";
import { Visualization } from "./visualizations.jsx";

// Grafana's own, in pixels.
const COLUMNS = 24, CELL_HEIGHT = 30, GAP = 8, MARGIN = 16;

const { dashboard, testids, span, answered, width, step } = window.given;
const context = { eventsScope: "global", eventBus: new EventBusSrv(), sync: () => 0 };
const theme = createTheme({ colors: { mode: "dark" } });
const timeRange = {
    from: dateTime(span.from * 1000),
    to: dateTime(span.to * 1000),
    raw: { from: dateTime(span.from * 1000), to: dateTime(span.to * 1000) },
};

/** A panel that cannot be drawn fails the picture. */
class Guard extends Component {
    state = { failed: false };
    static getDerivedStateFromError() {
        return { failed: true };
    }
    componentDidCatch(error) {
        window.failures.push(`${this.props.title}: ${error.stack}`);
    }
    render() {
        return this.state.failed ? null : this.props.children;
    }
}

const column = (width - 2 * MARGIN + GAP) / COLUMNS;
const place = ({ x, y, w, h }) => ({
    position: "absolute",
    left: MARGIN + x * column,
    top: y * (CELL_HEIGHT + GAP),
    width: w * column - GAP,
    height: h * (CELL_HEIGHT + GAP) - GAP,
});

function Row({ panel }) {
    return <div style={{ ...place(panel.gridPos), display: "flex", alignItems: "center", fontWeight: 500, fontSize: 16 }}>
        <span style={{ fontSize: 10, marginRight: 8, color: theme.colors.text.secondary }}>▼</span>{panel.title}
    </div>;
}

function Panel({ panel, frames }) {
    const { width, height, ...at } = place(panel.gridPos);
    return <div style={{ ...at, width, height }}>
        <PanelChrome title={panel.title} width={width} height={height} padding={panel.type === "table" ? "none" : "md"}>
            {(innerWidth, innerHeight) => frames.some(({ length }) => length > 0)
                ? <Guard title={panel.title}>
                    <Visualization {...{ panel, frames, timeRange, theme }} width={innerWidth} height={innerHeight} marks={answered.marks} />
                </Guard>
                : <div style={{ display: "grid", placeItems: "center", height: innerHeight, color: theme.colors.text.secondary }}>No data</div>}
        </PanelChrome>
    </div>;
}

function Page({ frames }) {
    const rows = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
    const clock = (at) => new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ");
    return <>
        <div style={{ display: "flex", justifyContent: "space-between", padding: `12px ${MARGIN}px 8px` }}>
            <span style={{ fontSize: 18, fontWeight: 500 }}>{dashboard.title}</span>
            <span style={{ color: theme.colors.text.secondary }}>
                {testids.length > 1 ? "Runs" : "Run"}: <b>{testids.join(" + ")}</b> · {clock(span.from)} to {clock(span.to).slice(11)} UTC
            </span>
        </div>
        <div style={{ position: "relative", height: rows * (CELL_HEIGHT + GAP) + MARGIN }}>
            {dashboard.panels.map((panel) => panel.type === "row"
                ? <Row key={panel.id} panel={panel} />
                : <Panel key={panel.id} panel={panel} frames={frames[panel.id]} />)}
        </div>
    </>;
}

function App() {
    const [frames, setFrames] = useState(null);
    useEffect(() => {
        const all = dashboard.panels.filter(({ type }) => type !== "row")
            .map(async (panel) => [panel.id, await framesOf(panel, answered.panels[panel.id], theme, step)]);
        Promise.all(all).then((list) => setFrames(Object.fromEntries(list)), (error) => window.failures.push(error.stack));
    }, []);
    return <ThemeContext.Provider value={theme}>
        <PanelContextProvider value={context}>
            <GlobalStyles isExtensionSidebarOpen={false} />
            <Suspense fallback={null}>{frames && <Page frames={frames} />}</Suspense>
            {frames && <Drawn />}
        </PanelContextProvider>
    </ThemeContext.Provider>;
}

/** Appears when everything is laid out. */
function Drawn() {
    const [drawn, setDrawn] = useState(false);
    useEffect(() => {
        requestAnimationFrame(() => requestAnimationFrame(() => setDrawn(true)));
    }, []);
    return drawn ? <div id="drawn" /> : null;
}

document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById("page")).render(<App />);
