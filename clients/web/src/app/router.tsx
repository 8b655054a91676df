/** The pages and their addresses below /app/. Each page is loaded when it is first opened. */

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { refusalOf } from "../api/refusal.ts";
import { accessToken } from "../api/session.ts";
import { Loading, NoSuchPage, Refused, Unanswered } from "../parts/states.tsx";
import { forgetAnswers, onSignedOut } from "./queries.ts";

const root = createRootRoute({ component: Outlet, notFoundComponent: NoSuchPage });

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search): { from?: string } => (typeof search["from"] === "string" ? { from: search["from"] } : {}),
  component: lazyRouteComponent(() => import("../pages/sign-in.tsx"), "SignIn"),
});

const signedIn = createRoute({
  getParentRoute: () => root,
  id: "signed-in",
  beforeLoad: async ({ location }) => {
    try {
      await accessToken();
    } catch (error) {
      if (refusalOf(error).signedOut) throw redirect({ to: "/sign-in", search: { from: location.href } });
      throw error;
    }
  },
  errorComponent: ({ error }) => <Unanswered error={error} retry={askAgain} />,
  component: lazyRouteComponent(() => import("../pages/frame.tsx"), "Frame"),
});

const home = createRoute({
  getParentRoute: () => signedIn,
  path: "/",
  component: lazyRouteComponent(() => import("../pages/home.tsx"), "Home"),
});

const passkeys = createRoute({
  getParentRoute: () => signedIn,
  path: "/me/passkeys",
  component: lazyRouteComponent(() => import("../pages/passkeys.tsx"), "Passkeys"),
});

const myData = createRoute({
  getParentRoute: () => signedIn,
  path: "/me",
  component: lazyRouteComponent(() => import("../pages/my-data.tsx"), "MyData"),
});

const people = createRoute({
  getParentRoute: () => signedIn,
  path: "/people",
  component: lazyRouteComponent(() => import("../pages/people.tsx"), "People"),
});

const person = createRoute({
  getParentRoute: () => signedIn,
  path: "/people/$personId",
  component: lazyRouteComponent(() => import("../pages/person.tsx"), "PersonPage"),
});

const groupsToFind = createRoute({
  getParentRoute: () => signedIn,
  path: "/groups",
  component: lazyRouteComponent(() => import("../pages/groups.tsx"), "Groups"),
});

const administration = createRoute({
  getParentRoute: () => signedIn,
  path: "/administration",
  component: lazyRouteComponent(() => import("../pages/administration.tsx"), "Administration"),
});

const transparency = createRoute({
  getParentRoute: () => signedIn,
  path: "/transparency",
  component: lazyRouteComponent(() => import("../pages/transparency.tsx"), "Transparency"),
});

const audit = createRoute({
  getParentRoute: () => signedIn,
  path: "/audit",
  component: lazyRouteComponent(() => import("../pages/audit.tsx"), "Audit"),
});

const breakGlass = createRoute({
  getParentRoute: () => signedIn,
  path: "/break-glass",
  component: lazyRouteComponent(() => import("../pages/break-glass.tsx"), "BreakGlass"),
});

const group = createRoute({
  getParentRoute: () => signedIn,
  path: "/groups/$groupId",
  component: lazyRouteComponent(() => import("../pages/group.tsx"), "GroupPage"),
});

const posts = createRoute({
  getParentRoute: () => group,
  path: "/",
  component: lazyRouteComponent(() => import("../pages/posts.tsx"), "Posts"),
});

const chat = createRoute({
  getParentRoute: () => group,
  path: "/chat",
  component: lazyRouteComponent(() => import("../pages/chat.tsx"), "Chat"),
});

const files = createRoute({
  getParentRoute: () => group,
  path: "/files",
  component: lazyRouteComponent(() => import("../pages/files.tsx"), "Files"),
});

const members = createRoute({
  getParentRoute: () => group,
  path: "/people",
  component: lazyRouteComponent(() => import("../pages/members.tsx"), "Members"),
});

const rules = createRoute({
  getParentRoute: () => group,
  path: "/rules",
  component: lazyRouteComponent(() => import("../pages/rules.tsx"), "RulesPage"),
});

const looked = createRoute({
  getParentRoute: () => group,
  path: "/looked",
  component: lazyRouteComponent(() => import("../pages/looked.tsx"), "WhoLooked"),
});

const receipt = createRoute({
  getParentRoute: () => group,
  path: "/looked/$accessId",
  component: lazyRouteComponent(() => import("../pages/receipt.tsx"), "ReceiptPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    signedIn.addChildren([
      home,
      passkeys,
      myData,
      people,
      person,
      groupsToFind,
      administration,
      transparency,
      audit,
      breakGlass,
      group.addChildren([posts, chat, files, members, rules, looked, receipt]),
    ]),
  ]),
  basepath: "/app",
  scrollRestoration: true,
  defaultPendingComponent: Loading,
  defaultErrorComponent: ({ error, reset }) => <Refused error={error} retry={reset} />,
  defaultNotFoundComponent: NoSuchPage,
});

function askAgain(): void {
  void router.invalidate();
}

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

onSignedOut(() => {
  forgetAnswers();
  if (router.state.location.pathname !== "/sign-in") {
    void router.navigate({ to: "/sign-in", search: { from: router.state.location.href } });
  }
});
