(* The witness `gradient_descent`: k layers are k steps w <- w - eta * gradient, on
     sum   |Xw - y|^2 + lambda |w|^2            (Akyurek et al. 2022, equation 11, summed)
     mean  (1/2n) |Xw - y|^2 + (lambda/2) |w|^2 (von Oswald et al. 2022, proposition 1)
   with or without ridge, from w0 or from zero. Weights are written from the witness that runs. *)
Require Import Prelude Matrices Layer Weights_gradient_descent.

Section Gradients.
Variables (F : fieldType) (n d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (eta lambda : F).
Implicit Types w v : 'cV[F]_d.

Definition gradient_sum w := 2%:R *: (X^T *m (X *m w - y)) + (2%:R * lambda) *: w.
Definition gradient_mean w := n%:R^-1 *: (X^T *m (X *m w - y)) + lambda *: w.

Definition step_sum w := w - eta *: gradient_sum w.
Definition step_mean w := w - eta *: gradient_mean w.

Definition loss_sum w := (X *m w - y)^T *m (X *m w - y) + lambda *: (w^T *m w).

(* gradient_sum is the gradient: the rest of the difference is quadratic in v.
   [supports gradient_descent] *)
Theorem gradient_sum_is_gradient w v :
  loss_sum (w + v) =
  loss_sum w + v^T *m gradient_sum w + ((X *m v)^T *m (X *m v) + lambda *: (v^T *m v)).
Proof.
have swap : v^T *m (X^T *m (X *m w)) = w^T *m (X^T *m (X *m v)).
  by rewrite -[LHS]trmx_number !trmx_mul !trmxK !mulmxA.
have cross : v^T *m (X^T *m y) = y^T *m (X *m v).
  by rewrite -[LHS]trmx_number !trmx_mul !trmxK !mulmxA.
have inner := inner_product_sym v w.
rewrite /loss_sum /gradient_sum; move: swap cross; words => swap cross.
words; rewrite ?inner ?swap ?cross; linear_combination; ring.
Qed.

(* 2n times the mean loss at lambda / n is the sum loss at lambda: the steps agree. *)
Theorem mean_is_sum w :
  n%:R != 0 :> F -> 2%:R * n%:R *: gradient_mean w =
  2%:R *: (X^T *m (X *m w - y)) + (2%:R * n%:R * lambda) *: w.
Proof. by move=> ?; rewrite /gradient_mean; linear_combination; field. Qed.
End Gradients.

Section Witness.
Variables (F : fieldType) (relu : F -> F) (eta lambda : F) (positions : nat).
Variables (n m d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)) (w0 : 'cV[F]_d).
Notation prompt := (tokens F d positions n m).

(* Between two layers: fit = x^T w at every token; with ridge, old = x^T w too. *)
Definition fits (all : prompt) (w : 'cV[F]_d) :=
  [/\ [/\ context all Vector "x" = X, context all Scalar "y" = y & context all Scalar "fit" = X *m w]
    & queries all Vector "x" = Q /\ queries all Scalar "fit" = Q *m w].

Definition fits_twice (all : prompt) w :=
  fits all w /\ (context all Scalar "old" = X *m w /\ queries all Scalar "old" = Q *m w).

Lemma fits_reads all w : fits all w -> queries all Scalar "fit" = Q *m w.
Proof. by case=> _ []. Qed.

Lemma fits_twice_reads all w : fits_twice all w -> queries all Scalar "fit" = Q *m w.
Proof. by case=> /fits_reads. Qed.

Lemma descent_predicts (holds : prompt -> 'cV[F]_d -> Prop) layers step w embedding k :
  (forall all v, holds all v -> queries all Scalar "fit" = Q *m v) ->
  (forall all v, holds all v -> holds (run relu n layers all) (step v)) ->
  holds (embed positions (Witness Joint false embedding [::] "fit" 1) X y Q) w ->
  predict relu positions
    (Witness Joint false embedding (flatten (nseq k layers) ++ [::]) "fit" 1) X y Q =
  Q *m iter k step w.
Proof.
move=> reads one start; rewrite /predict /= cats0 scale1r.
exact: reads (repeated one k start).
Qed.

Ltac unfold_steps :=
  unfold fits_twice, fits, step_sum, step_mean, gradient_sum, gradient_mean.

Ltac one_step :=
  unfold_steps => -[c q] w /= known; known_slots; repeat split; execute; put_slots => //;
  linear_combination; ring.

(* The formula, written from proofs.references, is k times this step; so are the layers. *)
Ltac predicted step reads layer :=
  autounfold with formulas; rewrite (iteri_iter (g := step)) => [|i v];
  [ rewrite at_queries_weights; apply: (descent_predicts _ reads layer);
    unfold_steps; repeat split; execute; rewrite ?scale1r
  | unfold_steps; linear_combination; ring ].

(* One layer is one step on |Xw - y|^2. [supports gradient_descent] *)
Theorem sum_layer all w :
  fits all w ->
  fits (run relu n (gradient_descent_sum_step d eta) all) (step_sum X y eta 0 w).
Proof. by move: all w; one_step. Qed.

(* Prompt to prediction: x^T w_k for every query, from w0. [supports gradient_descent] *)
Theorem sum_predicts k :
  predict relu positions (gradient_descent_sum eta w0 k) X y Q =
  gradient_descent_sum_formula eta w0 X y Q k.
Proof. by predicted (step_sum X y eta 0) fits_reads sum_layer. Qed.

(* The same from w_0 = 0. [supports gradient_descent] *)
Theorem sum_zero_predicts k :
  predict relu positions (gradient_descent_sum_zero d eta k) X y Q =
  gradient_descent_sum_zero_formula eta X y Q k.
Proof. by predicted (step_sum X y eta 0) fits_reads sum_layer. Qed.

(* One layer is one step on |Xw - y|^2 + lambda |w|^2. [supports gradient_descent] *)
Theorem sum_ridge_layer all w :
  fits_twice all w ->
  fits_twice (run relu n (gradient_descent_sum_ridge_step d eta lambda) all) (step_sum X y eta lambda w).
Proof. by move: all w; one_step. Qed.

(* Prompt to prediction: x^T w_k for every query, from w0. [supports gradient_descent] *)
Theorem sum_ridge_predicts k :
  predict relu positions (gradient_descent_sum_ridge eta lambda w0 k) X y Q =
  gradient_descent_sum_ridge_formula eta lambda w0 X y Q k.
Proof. by predicted (step_sum X y eta lambda) fits_twice_reads sum_ridge_layer. Qed.

(* The same from w_0 = 0. [supports gradient_descent] *)
Theorem sum_ridge_zero_predicts k :
  predict relu positions (gradient_descent_sum_ridge_zero d eta lambda k) X y Q =
  gradient_descent_sum_ridge_zero_formula eta lambda X y Q k.
Proof. by predicted (step_sum X y eta lambda) fits_twice_reads sum_ridge_layer. Qed.

(* One layer is one step on (1/2n) |Xw - y|^2. [supports gradient_descent] *)
Theorem mean_layer all w :
  fits all w ->
  fits (run relu n (gradient_descent_mean_step d eta) all) (step_mean X y eta 0 w).
Proof. by move: all w; one_step. Qed.

(* Prompt to prediction: x^T w_k for every query, from w0. [supports gradient_descent] *)
Theorem mean_predicts k :
  predict relu positions (gradient_descent_mean eta w0 k) X y Q =
  gradient_descent_mean_formula eta w0 X y Q k.
Proof. by predicted (step_mean X y eta 0) fits_reads mean_layer. Qed.

(* The same from w_0 = 0. [supports gradient_descent] *)
Theorem mean_zero_predicts k :
  predict relu positions (gradient_descent_mean_zero d eta k) X y Q =
  gradient_descent_mean_zero_formula eta X y Q k.
Proof. by predicted (step_mean X y eta 0) fits_reads mean_layer. Qed.

(* One layer is one step on (1/2n) |Xw - y|^2 + (lambda/2) |w|^2. [supports gradient_descent] *)
Theorem mean_ridge_layer all w :
  fits_twice all w ->
  fits_twice (run relu n (gradient_descent_mean_ridge_step d eta lambda) all) (step_mean X y eta lambda w).
Proof. by move: all w; one_step. Qed.

(* Prompt to prediction: x^T w_k for every query, from w0. [supports gradient_descent] *)
Theorem mean_ridge_predicts k :
  predict relu positions (gradient_descent_mean_ridge eta lambda w0 k) X y Q =
  gradient_descent_mean_ridge_formula eta lambda w0 X y Q k.
Proof. by predicted (step_mean X y eta lambda) fits_twice_reads mean_ridge_layer. Qed.

(* The same from w_0 = 0. [supports gradient_descent] *)
Theorem mean_ridge_zero_predicts k :
  predict relu positions (gradient_descent_mean_ridge_zero d eta lambda k) X y Q =
  gradient_descent_mean_ridge_zero_formula eta lambda X y Q k.
Proof. by predicted (step_mean X y eta lambda) fits_twice_reads mean_ridge_layer. Qed.

End Witness.
