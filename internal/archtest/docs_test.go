package archtest

import (
	"go/ast"
	"go/token"
	"strings"
)

// docs checks that every exported name has a comment that starts with it. In a
// group of constants or variables the comment of the group, or one at the end
// of the line, will do.
func (r *report) docs(f *goFile) {
	if f.Name.Name == "main" {
		return
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && !speaksForItself(d) {
				r.doc(d.Name.Name, d.Name.Pos(), d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				r.spec(d, spec)
			}
		}
	}
}

// speaksForItself reports whether fn is a method that nobody sees, or one that
// package errors defines.
func speaksForItself(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return false
	}
	switch fn.Name.Name {
	case "Error", "Unwrap", "Is", "As":
		return true
	}
	return !ast.IsExported(receiver(fn.Recv.List[0].Type))
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.ParenExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

func (r *report) spec(d *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			r.doc(s.Name.Name, s.Name.Pos(), s.Doc, d.Doc)
		}
	case *ast.ValueSpec:
		grouped := d.Lparen.IsValid() && (d.Doc != nil || s.Comment != nil)
		if s.Names[0].IsExported() && !grouped {
			r.doc(s.Names[0].Name, s.Names[0].Pos(), s.Doc, d.Doc)
		}
	}
}

// doc wants the first of the comments that is there to start with the name.
func (r *report) doc(name string, pos token.Pos, comments ...*ast.CommentGroup) {
	for _, c := range comments {
		if c == nil {
			continue
		}
		if !startsWith(c.Text(), name) {
			r.addf(pos, "the comment of %s does not start with its name", name)
		}
		return
	}
	r.addf(pos, "%s is exported and has no comment that starts with its name", name)
}

func startsWith(text, name string) bool {
	for _, article := range []string{"A ", "An ", "The "} {
		text = strings.TrimPrefix(text, article)
	}
	rest, ok := strings.CutPrefix(text, name)
	return ok && (rest == "" || !token.IsIdentifier("x"+rest[:1]))
}
