package jinja

// The tree that the parser builds is the tree that is evaluated: every node
// holds what it needs at render time. scope.go fills in the refs.

// ref is where a variable lives: slot slot of the record hops functions up.
type ref struct{ hops, slot int }

// expr is an expression.
type expr interface {
	eval(e *env, r *record) (any, error)
}

// stmt is a statement; exec writes to e.out.
type stmt interface {
	exec(e *env, r *record) (control, error)
}

// control is how a statement ended.
type control uint8

const (
	goOn control = iota
	breakLoop
	continueLoop
)

type (
	constExpr struct{ value any }
	nameExpr  struct {
		pos  int
		name string
		ref  ref
	}
	tupleExpr struct{ items []expr }
	listExpr  struct{ items []expr }
	dictExpr  struct {
		pos        int
		keys, vals []expr
	}
	binExpr struct {
		pos         int
		op          byte // + - * / % and 'f' for //, 'p' for **
		left, right expr
	}
	andExpr   struct{ left, right expr }
	orExpr    struct{ left, right expr }
	notExpr   struct{ inner expr }
	unaryExpr struct {
		pos   int
		op    byte
		inner expr
	}
	compareExpr struct {
		pos   int
		first expr
		ops   []string
		rest  []expr
	}
	concatExpr struct {
		pos   int
		parts []expr
	}
	condExpr struct {
		pos                   int
		test, then, otherwise expr // otherwise may be nil
	}
	attrExpr struct {
		pos  int
		obj  expr
		name string
	}
	itemExpr struct {
		pos      int
		obj, key expr
	}
	sliceExpr struct {
		pos                    int
		obj, start, stop, step expr // all but obj may be nil
	}
	callExpr struct {
		pos  int
		fn   expr
		args argExprs
	}
	filterExpr struct {
		pos    int
		name   string
		filter filterFunc
		target expr // nil in a filter block: the text of the block
		args   argExprs
	}
	testExpr struct {
		pos    int
		name   string
		test   testFunc
		target expr
		args   argExprs
	}
)

// argExprs are the arguments of a call, filter or test.
type argExprs struct {
	pos        []expr
	names      []string
	vals       []expr
	star, dict expr // *args and **kwargs, may be nil
}

// target is what an assignment or a loop writes to.
type target interface {
	assign(e *env, r *record, v any) error
}

type (
	nameTarget struct {
		pos  int
		name string
		ref  ref
	}
	attrTarget struct {
		pos  int
		name string
		attr string
		ref  ref
	}
	tupleTarget struct {
		pos   int
		items []target
	}
)

// load fills a variable when its frame is entered.
type load struct {
	slot int
	kind loadKind
	from ref // for loadAlias
	ctx  int // for loadContext: index of the context variable
}

type loadKind uint8

const (
	loadParam   loadKind = iota // set by whoever enters
	loadContext                 // from the render's variables or the globals
	loadAlias                   // from the same name further out
	loadNothing                 // not set yet
)

type (
	dataStmt   struct{ text string }
	outputStmt struct {
		pos   int
		value expr
	}
	ifStmt struct {
		tests  []expr
		bodies [][]stmt
		orElse []stmt
	}
	forStmt struct {
		pos       int
		target    target
		iter      expr
		body      []stmt
		orElse    []stmt
		test      expr // may be nil
		recursive bool

		extended   bool // the body uses the loop variable
		loopRef    ref
		enter      []load
		enterElse  []load
		testTarget target // the target in the filter's own scope
		enterTest  []load
		testSlots  int
		slots      int // of the function that a recursive loop is
	}
	setStmt struct {
		pos    int
		target target
		checks []attrTarget // namespaces that must exist before value is evaluated
		value  expr
		export []string // names a block can see
	}
	setBlockStmt struct {
		pos    int
		target target
		filter *filterExpr // innermost filter first in its chain, may be nil
		body   []stmt
		enter  []load
		export []string
	}
	macroStmt struct {
		pos    int
		def    *macroDef
		ref    ref
		export bool
	}
	callStmt struct {
		pos  int
		call *callExpr
		def  *macroDef
	}
	generationStmt struct {
		pos int
		def *macroDef
	}
	filterStmt struct {
		pos    int
		filter *filterExpr
		body   []stmt
		enter  []load
	}
	withStmt struct {
		pos     int
		targets []target
		values  []expr
		body    []stmt
		enter   []load
	}
	scopeStmt struct { // autoescape false
		pos    int
		option expr
		body   []stmt
		enter  []load
	}
	blockStmt struct {
		pos      int
		name     string
		required bool
		body     []stmt
		enter    []load
		slots    int
	}
	controlStmt struct{ signal control }
	failStmt    struct { // include, import, extends: there is no loader
		pos  int
		kind string
		tag  string
	}
)

// macroDef is the definition of a macro or of the body of a call block.
type macroDef struct {
	name     string
	named    bool // false for the body of a call block
	pos      int
	params   []string
	refs     []ref // where the parameters live
	defaults []expr
	body     []stmt

	slots                       int
	enter                       []load
	caller, kwargs, varargs     bool // the body uses them without declaring them
	callerRef, kwargsRef, vaRef ref
	explicitCaller              bool
}
