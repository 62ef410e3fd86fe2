package filter

import (
	"strings"
	"unicode/utf8"
)

// Parse checks a text and returns the expression in it. Its error is a
// *SyntaxError.
func Parse(text string) (*Expr, error) {
	if len(text) > MaxLength {
		return nil, wrong(MaxLength, "the expression has %d bytes; at most %d are allowed", len(text), MaxLength)
	}
	if !utf8.ValidString(text) {
		return nil, wrong(invalidByte(text), "the expression is not valid UTF-8")
	}
	p := parser{lexer: lexer{text: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.symbol == end {
		return nil, wrong(0, "the expression is empty; leave the filter out to select everything")
	}
	root, err := p.condition()
	if err != nil {
		return nil, err
	}
	if p.token.symbol != end {
		return nil, p.unexpected("&&, || or the end")
	}
	return &Expr{root}, nil
}

func invalidByte(text string) int {
	at := 0
	for {
		r, size := utf8.DecodeRuneInString(text[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

// parser reads one token ahead.
type parser struct {
	lexer lexer
	token token
	depth int
	nodes int
}

func (p *parser) advance() (err error) {
	p.token, err = p.lexer.next()
	return err
}

func (p *parser) expect(s symbol) error {
	if p.token.symbol != s {
		return p.unexpected(string(s))
	}
	return p.advance()
}

func (p *parser) unexpected(expected string) error {
	return wrong(p.token.offset, "expected %s, found %s", expected, p.token)
}

// count admits one more node.
func (p *parser) count(offset int) error {
	if p.nodes++; p.nodes > MaxNodes {
		return wrong(offset, "the expression has more than %d conditions, fields and literals; make it shorter", MaxNodes)
	}
	return nil
}

// nest admits one more parenthesis or negation around what follows.
func (p *parser) nest() error {
	if p.depth++; p.depth > MaxDepth {
		return wrong(p.token.offset, "parentheses and negations are more than %d deep; write the expression flatter", MaxDepth)
	}
	return nil
}

// condition reads an operand alone only if it can be true or false.
func (p *parser) condition() (Node, error) {
	start := p.token.offset
	n, err := p.either()
	if err != nil {
		return nil, err
	}
	return n, mustHold(n, start)
}

func mustHold(n Node, offset int) error {
	if l, ok := n.(*Literal); ok && l.Value.Kind() != KindBool {
		return wrong(offset, "%s alone is not a condition; compare it, as in type == \"tenant.renamed\"", l)
	}
	return nil
}

func (p *parser) either() (Node, error) {
	return p.chain("||", p.both, func(terms []Node) Node { return &Or{terms} })
}

func (p *parser) both() (Node, error) {
	return p.chain("&&", p.term, func(terms []Node) Node { return &And{terms} })
}

// chain reads terms with an operator between them; one alone stands for itself.
func (p *parser) chain(operator symbol, term func() (Node, error), join func([]Node) Node) (Node, error) {
	start := p.token.offset
	first, err := term()
	if err != nil || p.token.symbol != operator {
		return first, err
	}
	terms := []Node{first}
	if err := mustHold(first, start); err != nil {
		return nil, err
	}
	for p.token.symbol == operator {
		if err := p.advance(); err != nil {
			return nil, err
		}
		start := p.token.offset
		next, err := term()
		if err != nil {
			return nil, err
		}
		if err := mustHold(next, start); err != nil {
			return nil, err
		}
		terms = append(terms, next)
	}
	return join(terms), p.count(start)
}

func (p *parser) term() (Node, error) {
	if p.token.symbol == "!" {
		return p.not()
	}
	start := p.token.offset
	left, err := p.primary()
	if err != nil {
		return nil, err
	}
	switch p.token.symbol {
	case "==", "!=", "<", "<=", ">", ">=", "in":
		operand, ok := left.(Operand)
		if !ok {
			return nil, wrong(start, "a condition cannot be compared; combine conditions with && and ||")
		}
		return p.relation(operand)
	}
	return left, nil
}

func (p *parser) not() (Node, error) {
	start := p.token.offset
	if err := p.nest(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	negated := p.primary
	if p.token.symbol == "!" {
		negated = p.not
	}
	offset := p.token.offset
	inner, err := negated()
	if err != nil {
		return nil, err
	}
	if err := mustHold(inner, offset); err != nil {
		return nil, err
	}
	switch p.token.symbol {
	case "==", "!=", "<", "<=", ">", ">=", "in":
		return nil, wrong(start, "! binds to the operand after it; put the comparison into parentheses: !(a == b)")
	}
	p.depth--
	return &Not{inner}, p.count(start)
}

// relation reads what follows an operand.
func (p *parser) relation(left Operand) (Node, error) {
	operator := p.token
	if err := p.advance(); err != nil {
		return nil, err
	}
	if operator.symbol == "in" {
		list, err := p.list()
		if err != nil {
			return nil, err
		}
		return &Membership{left, list}, p.count(operator.offset)
	}
	start := p.token.offset
	right, err := p.primary()
	if err != nil {
		return nil, err
	}
	operand, ok := right.(Operand)
	if !ok {
		return nil, wrong(start, "a condition cannot be compared; combine conditions with && and ||")
	}
	switch p.token.symbol {
	case "==", "!=", "<", "<=", ">", ">=", "in":
		return nil, wrong(p.token.offset, "comparisons cannot be chained; combine them with &&: a < b && b < c")
	}
	return &Comparison{Op(operator.symbol), left, operand}, p.count(operator.offset)
}

func (p *parser) list() ([]*Literal, error) {
	if p.token.symbol != "[" {
		return nil, p.unexpected(`a list after "in", such as ["a", "b"]`)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	var list []*Literal
	for p.token.symbol != "]" {
		if len(list) > 0 {
			if p.token.symbol != "," {
				return nil, p.unexpected(`"," or "]"`)
			}
			if err := p.advance(); err != nil {
				return nil, err
			}
		}
		start := p.token
		element, err := p.primary()
		if err != nil {
			return nil, err
		}
		literal, ok := element.(*Literal)
		if !ok {
			return nil, wrong(start.offset, "a list holds literals; put a text into quotes")
		}
		list = append(list, literal)
	}
	return list, p.advance()
}

// primary reads an operand, a call or something in parentheses.
func (p *parser) primary() (Node, error) {
	t := p.token
	switch t.symbol {
	case "(":
		return p.parenthesised()
	case nameToken, textToken, numerToken:
	default:
		return nil, p.unexpected("a field, a literal or a condition in parentheses")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.count(t.offset); err != nil {
		return nil, err
	}
	switch {
	case t.symbol == textToken:
		return &Literal{Text(t.text)}, nil
	case t.symbol == numerToken:
		return &Literal{number(t.text)}, nil
	case t.text == "true" || t.text == "false":
		return &Literal{Bool(t.text == "true")}, nil
	case t.text == "null":
		return &Literal{}, nil
	case p.token.symbol == "(":
		return p.call(t)
	}
	return &Field{t.text, t.offset}, nil
}

func (p *parser) parenthesised() (Node, error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	inner, err := p.either()
	if err != nil {
		return nil, err
	}
	p.depth--
	return inner, p.expect(")")
}

// call reads the argument of a function, whose name ended the path.
func (p *parser) call(path token) (Node, error) {
	dot := strings.LastIndexByte(path.text, '.')
	function := Function(path.text[dot+1:])
	switch {
	case function != Contains && function != StartsWith && function != EndsWith:
		return nil, wrong(path.offset, "%q is not a function; use contains, startsWith or endsWith", function)
	case dot < 0:
		return nil, wrong(path.offset, "a function follows its field: data.name.%s(\"text\")", function)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	argument := p.token
	if argument.symbol != textToken {
		return nil, p.unexpected("a text in quotes")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.count(argument.offset); err != nil {
		return nil, err
	}
	return &Call{&Field{path.text[:dot], path.offset}, function, argument.text}, p.expect(")")
}
