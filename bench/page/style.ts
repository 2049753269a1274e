// The look of the page: one typeface, few sizes, colours that can be told apart with any kind of sight (Okabe and Ito).

export const style = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#626b75;--line:#e4e7ea;--good:#00735c;--bad:#b93400;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0568e;--c4:#b58900;--c5:#3f9bd1}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e3e6e9;--soft:#98a1aa;--line:#2b3036;--good:#3ec2a0;--bad:#ff8552;
--c0:#5aa9dc;--c1:#e87f3a;--c2:#3cc09a;--c3:#d98bb8;--c4:#e3b04b;--c5:#8fc7ee}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:32px 28px 80px}
h1{font-size:38px;line-height:1.15;letter-spacing:-.01em;margin:4px 0 6px}
h2{font-size:21px;line-height:1.3;margin:56px 0 10px}
h3{font-size:15.5px;margin:30px 0 4px}
h3 code{font-size:12.5px;color:var(--soft);font-weight:400;margin-left:6px}
p{margin:0 0 8px;max-width:86ch}
small,.note,.run,figcaption{color:var(--soft);font-size:13px}
.run{margin:0}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:22px 28px;margin:30px 0 0}
.figures dt{color:var(--soft);font-size:13px}
.figures dd{margin:0;font-size:28px;line-height:1.25}
.figures dd span{font-size:15px;color:var(--soft)}
.figures small{display:block}
small.met::before{content:"✓ "}small.missed::before{content:"✗ "}
.met{color:var(--good)}.missed{color:var(--bad)}
.failed{color:var(--bad)}
svg{display:block;width:100%;height:auto;margin:6px 0 0}
.narrow svg{max-width:860px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(400px,100%),1fr));gap:20px 32px}
figure{margin:14px 0 0}
figcaption{font-size:14px;color:var(--ink);font-weight:600}
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--ink)}
text.tick,text.axis{font-size:11px;fill:var(--soft)}
text.name{font-size:12.5px}
.grid{stroke:var(--line)}.mark{stroke:var(--soft)}
.level{stroke:var(--ink);stroke-dasharray:2 3}.limit{stroke:var(--bad);stroke-dasharray:6 4}
.whisker{stroke:var(--ink);stroke-width:1.3;fill:none}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
${[0, 1, 2, 3, 4, 5].map((c) => `.line.c${c}{stroke:var(--c${c})}.bar.c${c},.dot.c${c},.t${c}{fill:var(--c${c})}text.t${c}{fill:var(--c${c})}.k${c}{background:var(--c${c})}`).join("\n")}
.bar{opacity:.82}
.key{display:inline-block;white-space:nowrap;margin-right:16px}
.key i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px;opacity:.82}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13.5px;margin:6px 0 0}
th,td{padding:3px 14px 3px 0;text-align:right;white-space:nowrap;font-weight:400;border-top:1px solid var(--line)}
thead th{border:0;font-weight:600}
tbody th{text-align:left;min-width:230px}
.aim{text-align:left;color:var(--soft);font-size:12.5px;padding-left:6px}
.none{color:var(--soft)}
`;
