import { type ComponentType, lazy, Suspense } from "react";

/** Returns a component that loads its code when it first appears, so that the page itself loads less. */
export function lazily<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const Content = lazy(async () => ({ default: await load() })) as ComponentType<P>;
  return (props) => (
    <Suspense fallback={null}>
      <Content {...props} />
    </Suspense>
  );
}
