(* The witness `sherman_morrison` with storage "matrix": one token, the register, holds P and w;
   two layers absorb one example, and the prediction is that of ridge regression.
   The weights are written from the witness that runs. *)
Require Import Prelude Matrices ShermanMorrison Layer Weights_sherman_morrison TokenPass MatrixPass.

Section Pass.
Variables (F : fieldType) (relu : F -> F) (lambda : F).
Variables (n m d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).
Notation prompt := (tokens F d n.+1 n.+1 m).
Notation e := (e F n).

(* The workspace of the register: an example a, b, with u = P a, g and the error. *)
Definition works p (h : stream F d n.+1 p) (o : 'M[F]_(p, 1)) a (b : 'M_1) u (r : 'M_1) :=
  [/\ h Vector "a" = o *m a, h Scalar "b" = o *m b, h Vector "u" = o *m u, h Vector "g" = o *m u
    & h Scalar "e" = o *m r].

(* P and w in the register; the workspace a, b, u, r there, and nothing in other tokens. *)
Definition register_holds (all : prompt) (P : 'M[F]_d) (w : 'cV[F]_d) a b u r :=
  [/\ [/\ context all Vector "x" = (col_mx 0 X : 'M_(1 + n, d)),
          context all Scalar "y" = (col_mx 0 y : 'M_(1 + n, 1)),
          context all Scalar "one" = const_mx 1, context all Scalar "register" = e
        & context all Positions "position" = one_hot F n.+1],
      [/\ context all Matrix "P" = stored n P, context all Vector "w" = e *m w^T
        & works (context all) e a b u r],
      [/\ queries all Vector "x" = Q, queries all Scalar "one" = const_mx 1,
          queries all Scalar "query" = const_mx 1, queries all Scalar "register" = 0
        & queries all Scalar "p" = 0]
    & [/\ queries all Matrix "P" = 0, queries all Vector "w" = 0
        & works (queries all) 0 a b u r]].

Lemma register_embedded :
  register_holds (embed n.+1 (sherman_morrison_matrix d lambda 0) X y Q) (lambda^-1)%:M 0 0 0 0 0.
Proof.
have far : \matrix_(t, j) ((n.+1 + t)%N == j)%:R = 0 :> 'M[F]_(m, n.+1).
  apply/matrixP => t j; rewrite !mxE; case: eqP => // nt; have := ltn_ord j.
  by rewrite -nt ltnNge leq_addr.
have first : col_mx 1 0 = e :> 'cV_(1 + n).
  apply/colP => t; case: (split_ordP t) => j ->; rewrite ?col_mxEu ?col_mxEd /e !mxE ?ord1 eqxx andbT.
    by rewrite -val_eqE.
  by rewrite -val_eqE.
rewrite /register_holds /works /sherman_morrison_matrix /sherman_morrison_matrix_embedding.
each; execute; rewrite ?mul0mx ?mulmx0 ?trmx0 ?mulmx0 ?first //.
  apply/matrixP => t k; case/mxvec_indexP: k => i j.
  rewrite /stored /holding !(mxE, mxvecE) expr1; move: (_ && _)%:R => b.
  by rewrite !mulrnAr mulrC.
apply/matrixP => t k; case/mxvec_indexP: k => i j.
by rewrite !(mxE, mxvecE) mul0rn mulr0.
Qed.

Definition multiply i := take 1 (sherman_morrison_matrix_step F d i).
Definition renew i := drop 1 (sherman_morrison_matrix_step F d i).

Variables (P : 'M[F]_d) (w : 'cV[F]_d) (i : 'I_n).
Hypothesis symmetric : P^T = P.
Let x := (row i X)^T.
Let s := number (x^T *m P *m x).
Hypothesis regular : 1 + s != 0.
Let u := row i X *m P.
Let r := row i y - w^T *m x.

(* Layer 1: read the example, multiply. *)
Lemma multiplied all :
  register_holds all P w 0 0 0 0 ->
  register_holds (run relu n (multiply i) all) P w (row i X) (row i y) u r.
Proof.
case: all => c q [] /= [cx cy co cr cp] [cP cw [ca cb cu cg ce]].
move=> [qx qo qq qr qp] [qP qw [qa qb qu qg qe]].
rewrite /register_holds /works /multiply /take /sherman_morrison_matrix_step; each; execute.
all: rewrite ?cx ?cy ?co ?cr ?cp ?cP ?cw ?ca ?cb ?cu ?cg ?ce.
all: rewrite ?qx ?qo ?qq ?qr ?qp ?qP ?qw ?qa ?qb ?qu ?qg ?qe.
all: rewrite ?mul0mx ?add0r -?(mulmxA e) ?fetch ?mulmx0 ?add0r //.
all: rewrite ?hadamard0 ?held0 ?sum0 ?hadamard_one ?matrix_vector ?inner_products ?symmetric.
all: rewrite ?scaler0 ?add0r //.
by rewrite scaleN1r addrC -mulmxBr.
Qed.

Lemma register_divided :
  e *m u + weights relu (Normalised true) (e *m u *m (e *m row i X)^T) *m - (e *m u) =
  e *m ((1 + s)^-1 *: u).
Proof.
have -> : e *m u *m (e *m row i X)^T = s *: gate F 0.
  rewrite trmx_mul mulmxA -(mulmxA e) -at_register /u; have -> : row i X = x^T by rewrite trmxK.
  by rewrite (trmxK x) [x^T *m P *m x]number_scalar mul_mx_scalar -scalemxAl.
rewrite normalised_gate mulmxN -scalemxAl register_once -scalemxAr.
move: (e *m u) regular; rewrite [1 + s]addrC; move: s => share v nonzero.
by linear_combination; field.
Qed.

(* Layer 2: divide by 1 + x^T P x, update P and w, clear the workspace. *)
Lemma renewed all :
  register_holds all P w (row i X) (row i y) u r ->
  let: (P', w') := absorb (P, w) (x, y i 0) in
  register_holds (run relu n (renew i) all) P' w' 0 0 0 0.
Proof.
case: all => c q [] /= [cx cy co cr cp] [cP cw [ca cb cu cg ce]].
move=> [qx qo qq qr qp] [qP qw [qa qb qu qg qe]].
rewrite /register_holds /works /renew /drop /sherman_morrison_matrix_step; each; execute.
all: rewrite ?cx ?cy ?co ?cr ?cp ?cP ?cw ?ca ?cb ?cu ?cg ?ce.
all: rewrite ?qx ?qo ?qq ?qr ?qp ?qP ?qw ?qa ?qb ?qu ?qg ?qe.
all: rewrite ?hadamard1 ?hadamard_one ?mul0mx ?normalised_zero ?mul0mx ?mulmx0 ?hadamard0 ?holding0.
all: rewrite ?hadamard0 ?scaler0 ?addr0 ?scaleN1r ?subrr //.
- rewrite register_divided column_row storedB /rank_one -/s; congr (stored n (P - _)).
  by rewrite trmxZ /u trmx_mul symmetric -scalemxAl /x trmxK !mulmxA.
- rewrite register_divided scaled_row -mulmxDr direction // trmxD !trmxZ trmx_mul symmetric trmxK.
  congr (e *m (_ + _ *: _)).
    by rewrite /r inner_product_sym /x trmxK /number !mxE.
  by rewrite /u /s /x trmxK.
- by apply/matrixP => t k; case/mxvec_indexP: k => a b; rewrite !(mxE, mxvecE) mul0r subr0.
- by apply/matrixP => t k; rewrite !mxE mul0r addr0.
Qed.

(* The read-out: every query reads w from the register. *)
Lemma register_read all :
  register_holds all P w 0 0 0 0 ->
  queries (run relu n (sherman_morrison_matrix_end F d) all) Scalar "p" = Q *m w.
Proof.
case: all => c q [] /= [cx cy co cr cp] [cP cw [ca cb cu cg ce]].
move=> [qx qo qq qr qp] [qP qw [qa qb qu qg qe]].
rewrite /sherman_morrison_matrix_end; execute.
rewrite ?cx ?cy ?co ?cr ?cp ?cP ?cw ?ca ?cb ?cu ?cg ?ce.
rewrite ?qx ?qo ?qq ?qr ?qp ?qP ?qw ?qa ?qb ?qu ?qg ?qe.
have ee : e^T *m e = 1%:M.
  by rewrite /e trmx_delta mul_delta_mx; apply/matrixP => a b; rewrite !mxE !ord1.
rewrite -mulmxA [e^T *m _]mulmxA ee mul1mx mulmx0 !add0r; apply/colP => t.
rewrite !mxE; apply: eq_bigr => j _; rewrite [LHS]mxE mulrC; congr (_ * _).
by rewrite mxE big_ord1 !mxE mul1r.
Qed.
End Pass.

Section Ridge.
Variables (F : realFieldType) (relu : F -> F) (lambda : F).
Hypothesis positive : 0 < lambda.
Variables (n m d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).
Notation state := (state lambda X y).

Lemma register_reaches i : (i <= n)%N ->
  register_holds X y Q
    (run relu n (flatten (map (sherman_morrison_matrix_step F d) (iota 0 i)))
      (embed n.+1 (sherman_morrison_matrix d lambda 0) X y Q))
    (state i).1 (state i).2 0 0 0 0.
Proof.
elim: i => [|i IH] small; first by rewrite /ShermanMorrison.state take0; exact: register_embedded.
have -> : iota 0 i.+1 = (iota 0 i ++ [:: i])%SEQ by rewrite -addn1 iotaD.
rewrite map_cat flatten_cat run_cat [flatten (map _ [:: i])]cats0.
have before := IH (ltnW small); set all := run relu n _ _ in before *.
have read := @multiplied _ relu _ _ _ X y Q _ _ (Ordinal small) (state_sym positive X y i) _ before.
have := @renewed _ relu _ _ _ X y Q _ _ (Ordinal small) (state_sym positive X y i)
  (state_regular positive X y i _) _ read.
have step : state i.+1 = absorb (state i) ((row (Ordinal small) X)^T, y (Ordinal small) 0)
  := stateS lambda X y (Ordinal small).
by rewrite step -run_cat; case: (state i).
Qed.

(* Prompt to prediction: ridge regression on all n examples, for every query, n, m and d.
   [supports sherman_morrison] *)
Theorem matrix_predicts_ridge :
  predict relu n.+1 (sherman_morrison_matrix d lambda n) X y Q =
  sherman_morrison_matrix_formula lambda X y Q n /\
  sherman_morrison_matrix_formula lambda X y Q n =
  Q *m (invmx (lambda%:M + X^T *m X) *m (X^T *m y)).
Proof.
have formula := sherman_morrison_formulaE positive X y Q; split=> //; rewrite formula.
have read := register_read relu (register_reaches (leqnn n)).
have ridge : state n = (invmx (lambda%:M + X^T *m X), invmx (lambda%:M + X^T *m X) *m (X^T *m y)).
  by rewrite -(pass_is_ridge positive) /ShermanMorrison.state take_oversize // size_map size_enum_ord.
rewrite ridge -run_cat in read.
by rewrite /predict scale1r -[RHS]read.
Qed.
End Ridge.
