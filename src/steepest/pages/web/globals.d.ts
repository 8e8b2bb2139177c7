// The library that stands in front of the modules on every page.
declare const uPlot: any;
