import './console/app.ts';
