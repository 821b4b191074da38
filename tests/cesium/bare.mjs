// Lets Node read a package that is written for bundlers: @maplibre/mlt names its modules
// without their endings, and does not say that they are modules.

const OURS = /node_modules\/@maplibre\/mlt\//;

export async function resolve(specifier, context, next) {
  const inside = specifier.startsWith('.') && OURS.test(context.parentURL ?? '');
  return next(inside && !specifier.endsWith('.js') ? `${specifier}.js` : specifier, context);
}

export async function load(url, context, next) {
  return next(url, OURS.test(url) ? { ...context, format: 'module' } : context);
}
