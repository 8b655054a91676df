export function WhoLooked() { return null; }
