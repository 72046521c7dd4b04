// Agents as the rows of a tree: each below the one that started it, in the order of their starts.

/** Rows of `agents`, a Map by id, without those below `collapsed` ones: with their depth, how many are below, and what the
 * whole branch costs. */
export function flatten(agents, collapsed) {
  const children = Map.groupBy(agents.values(), (agent) =>
    agents.has(agent.parent_agent_id) && agent.parent_agent_id !== agent.id ? agent.parent_agent_id : null,
  );
  for (const list of children.values())
    list.sort((a, b) => a.started_at.localeCompare(b.started_at) || (a.id < b.id ? -1 : 1));
  const rows = [];
  const seen = new Set();

  /** A stack, as a chain of agents may be longer than that of calls. */
  function walk(roots) {
    const stack = roots
      .map((agent, at) => ({ agent, depth: 0, shown: true, position: at + 1, siblings: roots.length }))
      .reverse();
    const entered = [];
    while (stack.length > 0) {
      const place = stack.pop();
      if (seen.has(place.agent.id)) continue;
      seen.add(place.agent.id);
      Object.assign(place, { below: 0, cost: place.agent.cost_usd || 0, tokens: tokensOf(place.agent) });
      entered.push(place);
      if (place.shown) rows.push(place);
      const below = children.get(place.agent.id) ?? [];
      const shown = place.shown && !collapsed.has(place.agent.id);
      for (let at = below.length - 1; at >= 0; at--)
        stack.push({
          agent: below[at],
          depth: place.depth + 1,
          shown,
          parent: place,
          position: at + 1,
          siblings: below.length,
        });
    }
    // Those below come after those above: from the end, each is complete when it is added to its parent.
    for (const { parent, below, cost, tokens } of entered.reverse()) {
      if (!parent) continue;
      parent.below += below + 1;
      parent.cost += cost;
      parent.tokens += tokens;
    }
  }

  walk(children.get(null) ?? []);
  // Agents that are one another's parents hang on nothing.
  for (const agent of agents.values()) if (!seen.has(agent.id)) walk([agent]);
  return rows;
}

function tokensOf(agent) {
  return (agent.tokens_input || 0) + (agent.tokens_output || 0);
}
