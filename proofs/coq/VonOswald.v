(* Linear self-attention with the matrices that von Oswald et al. 2022 print. Weights are written
   from the builders that the claims run: proposition 1 by its block matrices, on whole tokens
   e = (x, y) of sizes d and c, and with a number y, from prompt to prediction; GD++ with a number y.
   In proposition 1 matrices have the examples, as tokens, as columns, elsewhere as rows. *)
Require Import Prelude Matrices Layer Weights_vonoswald2022.

Section Proposition1.
Variables (F : fieldType) (relu : F -> F) (n d c : nat) (eta : F).
Notation token := ('cV[F]_(d + c)).

(* One gradient step of (1/2n) sum |W x_i - y_i|^2; X and Y have the examples as columns. *)
Definition change (X : 'M[F]_(d, n)) (Y : 'M[F]_(c, n)) W := - (eta / n%:R) *: ((W *m X - Y) *m X^T).

(* Tokens that hold the columns of e. *)
Definition holds p (h : stream F (d + c) 0 p) (e : 'M[F]_(d + c, p)) := h Vector "e" = e^T.
Definition hold m (all : tokens F (d + c) 0 n m) E e := holds (context all) E /\ holds (queries all) e.

(* One layer, at the examples and at m queries. *)
Lemma layer_on W0 X Y m all (x : 'M[F]_(d, m)) (y : 'M[F]_(c, m)) :
  hold all (col_mx X Y) (col_mx x y) ->
  hold (run relu n (vonoswald2022_prop1_layers n eta W0) all)
    (col_mx X (Y - change X Y W0 *m X)) (col_mx x (y - change X Y W0 *m x)).
Proof.
have on p (u : 'M[F]_(d, p)) (v : 'M[F]_(c, p)) :
    (col_mx u v)^T + (col_mx u v)^T *m (block_mx 1%:M 0 0 0)^T *m
      ((col_mx X Y)^T *m (block_mx 1%:M 0 0 0)^T)^T *m
      ((eta * (n%:R ^+ 1)^-1) *: ((col_mx X Y)^T *m (block_mx 0 0 W0 (- 1%:M))^T)) =
    (col_mx u (v - change X Y W0 *m u))^T.
  rewrite -!trmx_mul -trmxZ -trmx_mul -trmxD; congr (_^T).
  rewrite /change expr1 !mul_block_col !(mul0mx, mul1mx, addr0, add0r, mulNmx).
  rewrite tr_col_mx trmx0 mul_row_col mul0mx addr0.
  rewrite scale_col_mx scaler0 mul_col_mx mul0mx add_col_mx addr0.
  by congr (col_mx _ _); linear_combination; ring.
case: all => q h [] /= heldE helde.
by split; rewrite /holds; execute; rewrite heldE ?helde on.
Qed.

(* Proposition 1: every token becomes (x_j, y_j - DW x_j). [supports vonoswald2022.prop1] *)
Theorem proposition1 W0 X Y m all (e : 'M[F]_(d + c, m)) :
  hold all (col_mx X Y) e ->
  holds (context (run relu n (vonoswald2022_prop1_layers n eta W0) all))
    (col_mx X (Y - change X Y W0 *m X)).
Proof. by rewrite -(vsubmxK e) => /(layer_on W0) []. Qed.

(* The query, entered as (x, -W_0 x), ends with minus the updated prediction.
   [supports vonoswald2022.prop1] *)
Theorem proposition1_query W0 X Y m all (x : 'M[F]_(d, m)) :
  hold all (col_mx X Y) (col_mx x (- (W0 *m x))) ->
  holds (queries (run relu n (vonoswald2022_prop1_layers n eta W0) all))
    (col_mx x (- ((W0 + change X Y W0) *m x))).
Proof. by case/(layer_on W0) => _; rewrite mulmxDl opprD. Qed.

(* k such layers are k gradient steps W_{j+1} = W_j + DW(W_j), for context and query.
   [supports vonoswald2022.ksteps] *)
Theorem ksteps W0 X Y m all (x : 'M[F]_(d, m)) k :
  let W := iter k (fun W => W + change X Y W) W0 in
  hold all (col_mx X Y) (col_mx x (- (W0 *m x))) ->
  hold (run relu n (flatten (nseq k (vonoswald2022_prop1_layers n eta W0))) all)
    (col_mx X (Y - (W - W0) *m X)) (col_mx x (- (W *m x))).
Proof.
move=> W start; pose at_step all W := hold all (col_mx X (Y - (W - W0) *m X)) (col_mx x (- (W *m x))).
suff one all' V : at_step all' V ->
    at_step (run relu n (vonoswald2022_prop1_layers n eta W0) all') (V + change X Y V).
  by apply: (repeated one k); rewrite /at_step subrr mul0mx subr0.
move=> /(layer_on W0).
have -> : change X (Y - (V - W0) *m X) W0 = change X Y V.
  rewrite /change; congr (_ *: (_ *m _)).
  by rewrite mulmxBl; linear_combination; ring.
rewrite /at_step; move: (change X Y V) => D.
have -> : Y - (V - W0) *m X - D *m X = Y - (V + D - W0) *m X by linear_combination; ring.
by rewrite -opprD -mulmxDl.
Qed.
End Proposition1.

Section Numbers.
Variables (F : fieldType) (relu : F -> F) (eta gamma : F) (positions n m d : nat).
Variables (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)) (w0 : 'cV[F]_d).

(* The same for y a number: one gradient step of (1/2n) sum (w^T x_i - y_i)^2, examples as rows. *)
Definition gradient_step (A : 'M[F]_(n, d)) (b : 'cV[F]_n) w := - (eta / n%:R) *: (A^T *m (A *m w - b)).
Definition descended k := iter k (fun w => w + gradient_step X y w) w0.

Definition residuals (all : tokens F d positions n m) w :=
  [/\ context all Vector "x" = X, context all Scalar "y" = y - X *m (w - w0),
      queries all Vector "x" = Q & queries all Scalar "y" = - (Q *m w)].

Lemma residuals_step all w :
  residuals all w ->
  residuals (run relu n (vonoswald2022_ksteps_step n eta w0) all) (w + gradient_step X y w).
Proof.
case: all => c q [] /= cx cy qx qy.
by rewrite /residuals /gradient_step; split; execute; rewrite ?cx ?cy ?qx ?qy // expr1;
  linear_combination; ring.
Qed.

(* k copies of the layer are k gradient steps, from prompt to prediction.
   [supports vonoswald2022.ksteps] *)
Theorem ksteps_predicts k :
  predict relu positions (vonoswald2022_ksteps n eta w0 k) X y Q = Q *m descended k.
Proof.
have start : residuals (embed positions (vonoswald2022_ksteps n eta w0 0) X y Q) w0.
  have none : \matrix_(t, i) ((0 : 'cV[F]_n) t 0 * X t i) = 0.
    by apply/matrixP => t i; rewrite !mxE mul0r.
  have every : \matrix_(t, i) ((const_mx 1 : 'cV[F]_m) t 0 * Q t i) = Q.
    by apply/matrixP => t i; rewrite !mxE mul1r.
  rewrite /residuals subrr; split; execute => //; rewrite ?none ?every ?scaleN1r //.
  by rewrite mul0mx subr0.
have [_ _ _ reads] := repeated residuals_step k start.
by rewrite /predict /= cats0 reads scaleN1r opprK.
Qed.

(* GD++: one gradient step at w0 on the data A, b that the tokens hold, while a second head maps
   every x to (I - gamma A^T A) x. [supports vonoswald2022.gdpp] *)
Theorem gradient_descent_plus_plus A b P q (all : tokens F d positions n m) :
  [/\ context all Vector "x" = A, context all Scalar "y" = b, queries all Vector "x" = P
     & queries all Scalar "y" = q] ->
  let after := run relu n (vonoswald2022_gdpp_step n eta gamma w0) all in
  let contract := 1%:M - gamma *: (A^T *m A) in
  [/\ context after Vector "x" = A *m contract,
      context after Scalar "y" = b - A *m gradient_step A b w0,
      queries after Vector "x" = P *m contract
    & queries after Scalar "y" = q - P *m gradient_step A b w0].
Proof.
case: all => c h [] /= cx cy qx qy.
by rewrite /gradient_step; split; execute; rewrite ?cx ?cy ?qx ?qy ?expr1 ?mulN1r;
  rewrite ?mulmxBr ?mulmx1; linear_combination; ring.
Qed.
End Numbers.
