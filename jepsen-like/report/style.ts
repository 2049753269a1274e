// The look of the page: one typeface, few sizes, colour only where it means something. The colours of kinds and outcomes can be told apart
// with any kind of sight (Okabe and Ito), and each stands beside its word.

export const style = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#626b75;--line:#e4e7ea;--faint:#f5f6f7;--gap:#d5dae0;
--ok:#8bb4d3;--okink:#2f6f9f;--fail:#e69f00;--unknown:#b0307a;--good:#00735c;--bad:#b93400;--open:#8a5d00;
--process:#d55e00;--network:#0072b2;--disk:#8a6fb0;--clock:#009e73;--membership:#a58b00;--limits:#c06c98;--other:#7a828a;
--p50:#2f6f9f;--p99:#c47600;--max:#a7aeb6;--enqueued:#0072b2;--delivered:#009e73;--settled:#cc79a7}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e3e6e9;--soft:#98a1aa;--line:#2b3036;--faint:#1c2024;--gap:#3a4149;
--ok:#3f6d8f;--okink:#7db6de;--fail:#e9a820;--unknown:#e0699f;--good:#3ec2a0;--bad:#ff8552;--open:#e3b04b;
--process:#d9692a;--network:#3d8fc4;--disk:#a58bd0;--clock:#27a884;--membership:#b39a1f;--limits:#c97ea6;--other:#8a929a;
--p50:#7db6de;--p99:#f0a840;--max:#68717a;--enqueued:#5aa9dc;--delivered:#3cc09a;--settled:#d98bb8}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1240px;margin:0 auto;padding:28px 28px 80px;overflow-x:clip}
h1,h2,h3,p,ul,ol,dl,dd,pre{margin:0}
h2{font-size:19px;line-height:1.3;margin:52px 0 12px}
h3{font-size:15px;margin:28px 0 6px}
small,.note,.at{color:var(--soft);font-size:12.5px}
.note{margin:8px 0}
a{color:var(--okink)}
code,pre{font:13.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
ul,ol{padding-left:1.3em}
.run{color:var(--soft);font-size:13px}
h1{font-size:52px;line-height:1.1;letter-spacing:-.01em;margin:10px 0 2px}
.pass h1{color:var(--good)}.fail h1{color:var(--bad)}.inconclusive h1{color:var(--open)}
.meaning{font-size:19px}
.where{margin-top:10px;font-size:16px}
.found{list-style:none;padding:0;margin:12px 0 0}
.found li{display:grid;grid-template-columns:200px minmax(0,90ch);gap:0 16px;padding:5px 0}
.found li.plain{display:block;max-width:90ch;color:var(--soft)}
.found a,nav a,.where a,.at a{text-decoration-thickness:1px;text-underline-offset:2px}
.fail .found li:not(.plain),article .found li:not(.plain){border-top:1px solid var(--line)}
.found b a{color:inherit}
.found span{overflow-wrap:anywhere}.found small{display:block}small a{white-space:nowrap}
nav{margin-top:14px;font-size:13px;display:flex;flex-wrap:wrap;gap:4px 18px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:18px 28px;margin:26px 0 22px}
.figures dt{color:var(--soft);font-size:12.5px}
.figures dd{font-size:25px;line-height:1.25}
.figures small{display:block;line-height:1.35}
.repeat{border-top:1px solid var(--line);padding-top:12px}
.repeat span{color:var(--soft);font-size:12.5px;margin-right:12px}
.repeat code{overflow-wrap:anywhere;user-select:all}
.legend{color:var(--soft);font-size:12.5px;margin:0 0 10px;line-height:1.7}
.key{display:inline-block;white-space:nowrap;margin-right:14px}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px;background:currentColor}
.swatch.ok{background:var(--ok)}.swatch.fail{background:var(--fail)}.swatch.unknown{background:var(--unknown)}
.swatch.p50{background:var(--p50)}.swatch.p99{background:var(--p99)}.swatch.max{background:var(--max)}
.swatch.enqueued{background:var(--enqueued)}.swatch.delivered{background:var(--delivered)}.swatch.settled{background:var(--settled)}
.process{--kind:var(--process)}.network{--kind:var(--network)}.disk{--kind:var(--disk)}.clock{--kind:var(--clock)}.membership{--kind:var(--membership)}.limits{--kind:var(--limits)}.other{--kind:var(--other)}
.swatch.process,.swatch.network,.swatch.disk,.swatch.clock,.swatch.membership,.swatch.limits,.swatch.other{background:var(--kind)}
.swatch.unseen{background:none;border:1px dashed var(--soft)}
.swatch.leads{height:3px;width:16px;border-radius:0;vertical-align:3px;background:var(--ink)}
.swatch.finding{width:0;height:12px;border-left:2px dashed var(--bad);background:none;border-radius:0;vertical-align:-2px}
.swatch.gap{background:var(--gap)}
.strip{display:grid;grid-template-columns:150px 54px minmax(0,1fr);margin-top:20px}
.strip .name{font-size:13px;line-height:1.45}
.strip .name b,.strip .name small,.strip .name .key{display:block}
.strip .name small{margin-top:2px;line-height:1.3;padding-right:8px}
.strip .name .key{color:var(--soft);font-size:12.5px;line-height:1.5}
.scale{position:relative;font-size:11.5px;color:var(--soft)}
.scale span{position:absolute;right:8px;transform:translateY(50%);line-height:1;white-space:nowrap}
.plot{position:relative;overflow:hidden;border-left:1px solid var(--line)}
.layer{position:absolute;top:0;bottom:0;left:calc(-100% * var(--k,1) * var(--o,0));width:calc(100% * var(--k,1))}
.layer svg{position:absolute;inset:0;width:100%;height:100%;display:block}
.level{position:absolute;left:0;right:0;border-top:1px solid var(--line)}
.rule{position:absolute;top:0;bottom:0;border-left:1px solid var(--line)}
.layer .gap{position:absolute;top:0;bottom:0;min-width:1px;background:var(--gap);opacity:.6}
.layer .offence{position:absolute;top:0;bottom:0;border-left:1px dashed var(--bad)}
.layer .mark{position:absolute;top:3px;transform:translateX(-50%);font:normal 12px/1 system-ui,sans-serif;color:var(--bad);cursor:default}
.lanes .plot{border-top:1px solid var(--line)}
.axis .strip,.lanes .strip{margin-top:0}.axis .strip{margin-top:4px}.axis .plot{border:0;overflow:visible;clip-path:inset(0 -26px)}
.tick{position:absolute;top:2px;transform:translateX(-50%);font-size:11.5px;color:var(--soft);white-space:nowrap}
.strip .fine,.layer .brief{display:none}.zoomed .strip .fine,.zoomed .layer .brief{display:block}
.bar{position:absolute;height:15px;display:flex;container-type:inline-size}
.bar i{flex:none;min-width:2px;border-radius:2px;background:var(--kind)}
.bar b{font-weight:400;font-size:11px;line-height:15px;padding:0 4px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;min-width:0}
.bar.inside b{position:absolute;left:0;color:#fff}
@container (max-width:44px){.bar b{display:none}}@container (max-width:80px){.size2:not(.inside) b{display:none}}@container (max-width:116px){.size3:not(.inside) b{display:none}}@container (max-width:152px){.size4:not(.inside) b{display:none}}
.bar.unseen i{background:none;border:1px dashed var(--kind)}
.bar.unseen.inside b{color:var(--ink)}
.layer .leads{position:absolute;bottom:2px;height:3px;background:var(--ink);min-width:1px}
.tenant{font-style:normal;position:absolute;top:0;bottom:0;border-left:1px dashed var(--soft);font-size:10px;line-height:1;color:var(--soft);display:flex;align-items:flex-end;padding:0 0 6px 2px}
.death{position:absolute;bottom:-3px;transform:translateX(-50%);font:bold 17px/1 system-ui,sans-serif;color:var(--bad)}
.area.ok{fill:var(--ok)}.area.fail{fill:var(--fail)}.area.unknown{fill:var(--unknown)}
.line{fill:none;stroke-width:1.3;vector-effect:non-scaling-stroke}
.line.p50{stroke:var(--p50);stroke-width:1.8}.line.p99{stroke:var(--p99)}.line.max{stroke:var(--max)}
.line.enqueued{stroke:var(--enqueued)}.line.delivered{stroke:var(--delivered)}.line.settled{stroke:var(--settled)}
table{border-collapse:collapse;width:100%;font-size:13.5px}
table.narrow{width:auto;min-width:50%}
th{text-align:left;font-weight:400;color:var(--soft);font-size:12.5px;padding:4px 16px 4px 0;vertical-align:bottom}
td{border-top:1px solid var(--line);padding:6px 16px 6px 0;vertical-align:top;overflow-wrap:anywhere}
th.number,td.number{text-align:right;white-space:nowrap;overflow-wrap:normal}
td p{color:var(--soft);font-size:12.5px;max-width:90ch}
td ol{margin-top:6px;font-size:13.5px;max-width:90ch}
td li{margin-bottom:4px}
td.result{white-space:nowrap;width:110px}
td.looked{white-space:normal;color:var(--soft);width:42%}
.holds .result{color:var(--good)}.violated .result{color:var(--bad);font-weight:600}.inconclusive .result{color:var(--open);font-weight:600}.skipped{color:var(--soft)}.skipped .result{color:inherit}.skipped b{font-weight:400}
.what{color:var(--soft);min-width:16em}
tr:target,article:target h3{background:var(--faint)}
table.listed{width:auto}
.lacking{color:var(--open)}
details{margin-top:10px}
summary{cursor:pointer;color:var(--okink);font-size:13px}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:12.5px;color:var(--soft);background:var(--faint);padding:10px 12px;margin:6px 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:10px 28px;font-size:13.5px}
.facts dt{color:var(--soft);font-size:12.5px}
.facts dd{overflow-wrap:anywhere}
article{margin-top:26px}
.messages{position:relative;display:grid;margin-top:12px;grid-template-columns:212px minmax(0,1fr);font-size:12px}
.names{position:relative}
.message{position:absolute;left:0;right:8px;height:20px;line-height:20px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;color:var(--soft)}
.message small{display:inline-block;min-width:2.2em;text-align:right;margin-right:6px}
.message.named{color:var(--ink);font-weight:600}
.messages svg{width:100%;display:block}
.messages .plot span{position:absolute;margin:0 8px;padding:0 2px;line-height:16px;font-size:11.5px;background:var(--paper);white-space:nowrap}

.messages text{fill:var(--soft);font-size:11.5px;text-anchor:middle}
.messages line{stroke:var(--line)}
.messages line.finding{stroke:var(--bad);stroke-dasharray:3 3}
.messages line.trial{stroke-width:1.6}
.trial.ok{stroke:var(--okink)!important}.trial.fail{stroke:var(--fail)!important}.trial.unknown{stroke:var(--unknown)!important;stroke-dasharray:4 3}
circle{fill:var(--paper);stroke-width:1.6}
circle.ok{stroke:var(--okink)}circle.fail{stroke:var(--fail)}circle.unknown{stroke:var(--unknown)}
circle.full.ok{fill:var(--okink)}circle.full.fail{fill:var(--fail)}circle.full.unknown{fill:var(--unknown)}
.lease{fill:var(--ok);opacity:.45}.lease.again{fill:var(--fail)}
.grant{fill:var(--ink)}
.swatch.lease{background:var(--ok);opacity:.6}.swatch.again{background:var(--fail);opacity:.6}
.cross{color:var(--bad);font-weight:700;margin-right:6px;font-style:normal}
.ring,.dot{display:inline-block;width:9px;height:9px;border-radius:50%;border:1.6px solid var(--okink);margin-right:6px}
.dot{background:var(--okink)}
.scripted{display:none}.live .scripted{display:inline}
.live .strip .plot{cursor:crosshair;touch-action:pan-y}
.cursor,.chosen{position:absolute;top:0;bottom:0;pointer-events:none;display:none}
.cursor{border-left:1px solid var(--soft)}
.chosen{background:var(--okink);opacity:.18}
#reading{position:fixed;z-index:2;pointer-events:none;background:var(--paper);border:1px solid var(--line);box-shadow:0 2px 12px #0003;padding:8px 12px;font-size:12.5px;line-height:1.5;display:none;max-width:300px}
#reading b{display:block}
@media (max-width:720px){main{padding:18px 14px 60px}
h1{font-size:40px}.meaning{font-size:17px}h2{margin-top:40px}
.figures{grid-template-columns:1fr 1fr;gap:16px}.figures dd{font-size:21px}
.strip{grid-template-columns:52px minmax(0,1fr)}.tick.last{transform:translateX(-100%)}
.strip .name{grid-column:1/-1;margin-bottom:5px}
.strip .name b,.strip .name small,.strip .name .key{display:inline-block;margin-right:10px}
.lanes .name{margin:3px 0 1px;font-size:12px;color:var(--soft)}
.odd{display:none}
.found li{grid-template-columns:1fr}
.kinds tr{display:grid;grid-template-columns:minmax(0,1fr) 58px 66px 68px;border-top:1px solid var(--line)}.kinds td{border:0}
.kinds .what{grid-column:1/-1;order:1;min-width:0;padding-top:0}.kinds th.what{display:none}.kinds .why{grid-column:2/-1}
.stacks td.result{float:right}
.stacks thead{display:none}.stacks tr,.stacks td{display:block;width:auto}.stacks td{border:0;padding:1px 0}.stacks tr{border-top:1px solid var(--line);padding:7px 0;display:block}
table{font-size:12px}th,td{padding-right:8px}section,details{overflow-x:auto}details table{min-width:560px}
.messages{grid-template-columns:92px minmax(0,1fr);font-size:11px}.message small{min-width:1.6em;margin-right:3px}}
@media print{main{max-width:none;padding:0}.bar,.swatch,.layer{print-color-adjust:exact}}
`;
