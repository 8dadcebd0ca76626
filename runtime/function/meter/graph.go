package meter

// cycles says of each own function whether it may call itself, in whatever way,
// and in which order functions can be looked at so that whom they call comes
// first. An indirect call may reach every function of its type whose address is
// taken anywhere: what a table holds at the time is not known.
func (m *module) cycles() (recursive []bool, sorted []uint32) {
	g := m.graph()
	n := len(g.edges)
	g.number = make([]uint32, n)
	g.low = make([]uint32, n)
	g.onStack = make([]bool, n)
	g.recursive = make([]bool, n)
	for v := range n {
		if g.number[v] == 0 {
			g.visit(uint32(v))
		}
	}
	own := uint32(len(m.bodies))
	sorted = make([]uint32, 0, own)
	for _, v := range g.sorted {
		if v < own {
			sorted = append(sorted, v)
		}
	}
	return g.recursive[:own], sorted
}

// graph has the module's own functions as its first nodes, and behind them a node
// for each type of function that is called indirectly.
type graph struct {
	edges       [][]uint32
	number, low []uint32 // of Tarjan's walk; 0: not been there
	onStack     []bool
	stack, path []uint32
	next        []int // edge of each node of path
	count       uint32
	recursive   []bool
	sorted      []uint32
}

func (m *module) graph() *graph {
	own := len(m.bodies)
	g := &graph{edges: make([][]uint32, own+len(m.types))}
	for i := range m.bodies {
		g.edges[i] = m.bodies[i].edges
	}
	// Types that are written twice are one.
	first := map[string]int{}
	same := make([]int, len(m.types))
	for i, t := range m.types {
		key := t.key()
		if _, known := first[key]; !known {
			first[key] = i
		}
		same[i] = first[key]
	}
	for f, taken := range m.taken {
		if own := f - int(m.imported); taken && own >= 0 {
			node := len(m.bodies) + same[m.calls[f]]
			g.edges[node] = append(g.edges[node], uint32(own))
		}
	}
	for i := range m.types {
		if same[i] != i {
			g.edges[own+i] = []uint32{uint32(own + same[i])}
		}
	}
	return g
}

func (t FunctionType) key() string {
	b := make([]byte, 0, len(t.Params)+1+len(t.Results))
	for _, v := range t.Params {
		b = append(b, byte(v))
	}
	b = append(b, 0)
	for _, v := range t.Results {
		b = append(b, byte(v))
	}
	return string(b)
}

// visit walks from v, without recursion of its own: a module may have a chain of
// as many calls as it has functions.
func (g *graph) visit(v uint32) {
	g.enter(v)
	for len(g.path) > 0 {
		top := len(g.path) - 1
		v := g.path[top]
		if g.next[top] == len(g.edges[v]) {
			g.leave(v)
			continue
		}
		to := g.edges[v][g.next[top]]
		g.next[top]++
		switch {
		case to == v:
			g.recursive[v] = true
		case g.number[to] == 0:
			g.enter(to)
		case g.onStack[to]:
			g.low[v] = min(g.low[v], g.number[to])
		}
	}
}

func (g *graph) enter(v uint32) {
	g.count++
	g.number[v], g.low[v] = g.count, g.count
	g.onStack[v] = true
	g.stack = append(g.stack, v)
	g.path = append(g.path, v)
	g.next = append(g.next, 0)
}

func (g *graph) leave(v uint32) {
	top := len(g.path) - 1
	g.path, g.next = g.path[:top], g.next[:top]
	if top > 0 {
		parent := g.path[top-1]
		g.low[parent] = min(g.low[parent], g.low[v])
	}
	if g.low[v] != g.number[v] {
		return
	}
	alone := g.stack[len(g.stack)-1] == v
	for {
		w := g.stack[len(g.stack)-1]
		g.stack = g.stack[:len(g.stack)-1]
		g.onStack[w] = false
		g.recursive[w] = g.recursive[w] || !alone
		g.sorted = append(g.sorted, w)
		if w == v {
			return
		}
	}
}
