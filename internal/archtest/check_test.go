package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A source is one Go file; its name is a slash path from the module's root.
type source struct{ name, text string }

// A report collects what is wrong, as "file:line: what".
type report struct {
	fset  *token.FileSet
	found []string
}

func (r *report) addf(pos token.Pos, format string, args ...any) {
	p := r.fset.Position(pos)
	r.found = append(r.found, fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...)))
}

// A goFile is a parsed source and what the rules ask about it.
type goFile struct {
	*ast.File

	name string // path from the module's root
	pkg  string // as the rules name it
	test bool
}

// check runs every rule over the sources of a module.
func check(sources []source) []string {
	r := &report{fset: token.NewFileSet()}
	pkgs := map[string][]*goFile{}
	for _, s := range sources {
		f, err := parser.ParseFile(r.fset, s.name, s.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			r.found = append(r.found, err.Error())
			continue
		}
		g := &goFile{File: f, name: s.name, pkg: packageOf(path.Dir(s.name)), test: strings.HasSuffix(s.name, "_test.go")}
		r.todos(g)
		r.unfinished(g)
		if g.test {
			continue
		}
		pkgs[g.pkg] = append(pkgs[g.pkg], g)
		r.imports(g)
		r.purity(g)
		r.reaching(g)
		if !ast.IsGenerated(f) {
			r.sizes(g, s.text)
			r.docs(g)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pkgs)) {
		r.pkg(name, pkgs[name])
	}
	slices.Sort(r.found)
	return r.found
}

func packageOf(dir string) string { return strings.TrimPrefix(dir, "internal/") }

// ours returns the rules' name of an import of this module.
func ours(imp string) (string, bool) {
	if imp == module {
		return ".", true
	}
	rest, ok := strings.CutPrefix(imp, module+"/")
	return packageOf(rest), ok
}

func pathOf(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
	return p
}

// pkg checks what a package has once: a line in the table and a comment.
func (r *report) pkg(name string, files []*goFile) {
	if _, _, ok := find(name); !ok {
		r.addf(files[0].Package, "package %s is not in the table of internal/archtest/rules_test.go: add it to the table, with what it may import", name)
	}
	want := "Package " + files[0].Name.Name + " "
	for _, f := range files {
		if f.Doc != nil && (f.Name.Name == "main" || strings.HasPrefix(f.Doc.Text(), want)) {
			return
		}
	}
	r.addf(files[0].Package, "package %s has no package comment starting with %q", name, want)
}

func (r *report) imports(f *goFile) {
	rule, star, ok := find(f.pkg)
	for _, spec := range f.Imports {
		if spec.Name != nil && spec.Name.Name == "." {
			r.addf(spec.Pos(), "dot import of %s: it hides where names come from", pathOf(spec))
		}
		imp, mine := ours(pathOf(spec))
		if !mine || !ok {
			continue
		}
		switch {
		case in(testOnly, imp) && !in(testOnly, f.pkg):
			r.addf(spec.Pos(), "%s imports %s, which only tests and make may import", f.pkg, imp)
		case !rule.allows(star, imp):
			r.addf(spec.Pos(), "%s imports %s; the table lets it import %s", f.pkg, imp, rule.words())
		}
	}
}

// words says what the rule allows, for a message.
func (r rule) words() string {
	s := "nothing of ours"
	if r.may != "" {
		s = "only: " + r.may
	}
	if r.never != "" {
		s += ", but never: " + r.never
	}
	return s
}

// purity keeps I/O, clocks and randomness out of the packages that must not
// have any.
func (r *report) purity(f *goFile) {
	if !in(pure, f.pkg) && path.Base(f.name) != "format.go" {
		return
	}
	for _, spec := range f.Imports {
		if p := pathOf(spec); in(impure, p) && !in(harmless, p) {
			r.addf(spec.Pos(), "%s imports %q: it does no I/O, and randomness comes as an io.Reader", f.name, p)
		}
	}
	r.uses(f, map[string]string{"time": clock}, func(pos token.Pos, name string) {
		r.addf(pos, "%s uses %s: it has no clock; take the time as an argument", f.name, name)
	})
}

// reaching finds what belongs to the App alone.
func (r *report) reaching(f *goFile) {
	if in(mayReachOut, f.pkg) {
		return
	}
	r.uses(f, outside, func(pos token.Pos, name string) {
		r.addf(pos, "%s uses %s, which only cmd and internal/app may: take it from the App", f.pkg, name)
	})
}

// uses calls found for every mention of a name of names, a map from import
// paths to lists of names.
func (r *report) uses(f *goFile, names map[string]string, found func(token.Pos, string)) {
	imported := map[string]string{}
	for _, spec := range f.Imports {
		p := pathOf(spec)
		local := path.Base(p)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		imported[local] = p
	}
	ast.Inspect(f.File, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && in(names[imported[x.Name]], sel.Sel.Name) {
				found(sel.Pos(), path.Base(imported[x.Name])+"."+sel.Sel.Name)
			}
		}
		return true
	})
}

var unfinished = regexp.MustCompile(`(?i)\b(not (yet )?implemented|unimplemented)\b`)

func (r *report) unfinished(f *goFile) {
	ast.Inspect(f.File, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if fn, ok := call.Fun.(*ast.Ident); !ok || fn.Name != "panic" {
			return true
		}
		ast.Inspect(call.Args[0], func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && unfinished.MatchString(lit.Value) {
				r.addf(call.Pos(), "panic(%s): nothing unfinished is committed", lit.Value)
			}
			return true
		})
		return true
	})
}

var todo = regexp.MustCompile(`\b(TODO|FIXME)\b(\([^)]+\))?`)

func (r *report) todos(f *goFile) {
	for _, group := range f.Comments {
		for _, c := range group.List {
			for _, m := range todo.FindAllStringSubmatch(c.Text, -1) {
				if m[2] == "" {
					r.addf(c.Pos(), "%s without an owner: write %s(who or what)", m[1], m[1])
				}
			}
		}
	}
}

var sizeReason = regexp.MustCompile(`(?m)^\s*// size: \S`)

// sizes checks lengths. A comment "// size: reason" excuses: for a file in its
// first ten lines, for a function in its doc comment.
func (r *report) sizes(f *goFile, text string) {
	lines := strings.SplitAfter(text, "\n")
	if n := strings.Count(text, "\n"); n > maxFileLines && !sizeReason.MatchString(strings.Join(lines[:10], "")) {
		r.addf(f.FileStart, "the file has %d lines, more than %d: split it, or say why in its first ten lines: // size: reason", n, maxFileLines)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		n := r.fset.Position(fn.End()).Line - r.fset.Position(fn.Type.Pos()).Line + 1
		if n > maxFuncLines && !excused(fn.Doc) {
			r.addf(fn.Type.Pos(), "func %s has %d lines, more than %d: split it, or say why in the comment above: // size: reason", fn.Name.Name, n, maxFuncLines)
		}
	}
}

func excused(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return sizeReason.MatchString(c.Text) })
}
